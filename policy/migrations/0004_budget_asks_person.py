"""Budgets may ask a person before they are used up."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("policy", "0003_accounts")]

    operations = [
        migrations.AddField(
            model_name="budget",
            name="ask_person_percent",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="From this part of it on a person is asked before it goes on. Empty: never.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="budget",
            name="consented_at",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="Since when nobody is asked: a person said that it may go on.",
                null=True,
            ),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.CheckConstraint(
                condition=models.Q(("ask_person_percent__isnull", True), ("ask_person_percent__range", (1, 100)), _connector="OR"),
                name="budget_ask_person_percent_is_one",
            ),
        ),
    ]
