import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [('orchestration', '0014_idempotent_messages'), ('policy', '0001_initial')]

    operations = [
        migrations.CreateModel(
            name='RouteRecord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('cluster', models.CharField(help_text='The form of the requests: what the router found in them.', max_length=200)),
                ('strategy', models.CharField(max_length=32)),
                ('runs', models.PositiveIntegerField(default=0)),
                ('score_sum', models.FloatField(default=0.0, help_text='Of scores from 0 to 1.')),
                ('tokens_sum', models.PositiveBigIntegerField(default=0)),
                ('cost_usd_sum', models.DecimalField(decimal_places=9, default=0, max_digits=18)),
                ('seconds_sum', models.FloatField(default=0.0, help_text="From a task's first step to its end.")),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.AddField(
            model_name='task',
            name='aftermath_due',
            field=models.BooleanField(db_default=False, help_text='It has ended, and its answer is still to be remembered or its outcome learned from.'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(condition=models.Q(('aftermath_due', True)), fields=['completed_at'], name='task_aftermath_due'),
        ),
        migrations.AddField(
            model_name='routerecord',
            name='tenant',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='policy.tenant'),
        ),
        migrations.AddConstraint(
            model_name='routerecord',
            constraint=models.UniqueConstraint(fields=('tenant', 'cluster', 'strategy'), name='route_record_unique'),
        ),
    ]
