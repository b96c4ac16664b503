from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0011_memory_vectors'),
    ]

    operations = [
        migrations.AddField(
            model_name='memory',
            name='feedback_comment',
            field=models.CharField(blank=True, db_default='', help_text='What was last said.', max_length=500),
        ),
        migrations.AddField(
            model_name='memory',
            name='feedback_score',
            field=models.FloatField(blank=True, help_text='How good people call it, from 0 to 1; empty: nobody said.', null=True),
        ),
    ]
