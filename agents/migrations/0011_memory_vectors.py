from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0010_openapi'),
        ('policy', '0003_accounts'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='memory',
            name='memory_by_tenant',
        ),
        migrations.AddIndex(
            model_name='memory',
            index=models.Index(fields=['tenant', '-created_at'], include=('id', 'embedding'), name='memory_vectors_by_tenant'),
        ),
    ]
