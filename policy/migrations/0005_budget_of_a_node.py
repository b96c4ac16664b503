"""A node of a template may have a budget of its own. Nothing changes in the database."""

from django.db import migrations, models

_SCOPES = ("request", "step", "node", "task", "session", "user", "tenant")


class Migration(migrations.Migration):
    dependencies = [("policy", "0004_budget_asks_person")]

    operations = [
        migrations.AlterField(
            model_name="budget",
            name="scope",
            field=models.CharField(choices=[(scope, scope) for scope in _SCOPES], max_length=8),
        ),
    ]
