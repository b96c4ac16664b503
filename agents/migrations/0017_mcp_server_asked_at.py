from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0016_role_asks_person'),
    ]

    operations = [
        migrations.AddField(
            model_name='mcpserver',
            name='asked_at',
            field=models.DateTimeField(blank=True, help_text='When it was asked for its tools last.', null=True),
        ),
        migrations.AlterField(
            model_name='mcpserver',
            name='discovered_at',
            field=models.DateTimeField(blank=True, help_text='When it answered last.', null=True),
        ),
    ]
