import django.db.models.deletion
import django.db.models.functions.datetime
import shannon_project.foundation.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orchestration', '0015_aftermath_and_route_records'),
        ('policy', '0004_budget_asks_person'),
    ]

    operations = [
        migrations.AddField(
            model_name='routerecord',
            name='judged',
            field=models.PositiveIntegerField(db_default=0, help_text='Those whose answer a person called good or bad.'),
        ),
        migrations.AddField(
            model_name='task',
            name='feedback_count',
            field=models.PositiveSmallIntegerField(db_default=0, help_text='People who said how good the answer is.'),
        ),
        migrations.AddField(
            model_name='task',
            name='feedback_score',
            field=models.FloatField(blank=True, help_text='The mean of what they said, from 0 to 1; empty: nobody did.', null=True),
        ),
        migrations.AddField(
            model_name='task',
            name='learned',
            field=models.JSONField(blank=True, help_text='What the router has learned from it, as `Learned.as_json()`; empty: nothing.', null=True),
        ),
        migrations.CreateModel(
            name='AnswerFeedback',
            fields=[
                ('id', models.UUIDField(default=shannon_project.foundation.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('given_by', models.CharField(help_text='The person behind a key, else the key or the member of staff.', max_length=160)),
                ('rating', models.CharField(choices=[('good', 'good'), ('bad', 'bad')], max_length=4)),
                ('score', models.FloatField(help_text='From 0 to 1; of a good answer 0.5 or more.')),
                ('comment', models.TextField(blank=True, help_text='Why, in words.')),
                ('given_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('task', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='feedback', to='orchestration.task')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='policy.tenant')),
            ],
            options={
                'verbose_name_plural': 'answer feedback',
                'indexes': [models.Index(fields=['tenant', '-given_at'], name='feedback_by_tenant')],
                'constraints': [models.UniqueConstraint(fields=('task', 'given_by'), name='feedback_one_per_person'), models.CheckConstraint(condition=models.Q(('score__gte', 0), ('score__lte', 1)), name='feedback_score_is_one')],
            },
        ),
    ]
