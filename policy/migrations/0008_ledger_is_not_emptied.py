"""The ledger as a whole cannot be emptied either: a trigger for rows does not see TRUNCATE."""

from django.db import migrations


class Migration(migrations.Migration):
    """One trigger more."""

    dependencies = [("policy", "0007_tenant_weight_at_models")]

    operations = [
        migrations.RunSQL(
            """
            CREATE TRIGGER policy_ledger_is_not_emptied BEFORE TRUNCATE ON policy_ledgerentry
                FOR EACH STATEMENT EXECUTE FUNCTION policy_ledger_is_append_only();
            """,
            "DROP TRIGGER policy_ledger_is_not_emptied ON policy_ledgerentry;",
        )
    ]
