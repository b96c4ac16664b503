"""What the admin calls these rows, in an operator's words."""

from django.db import migrations


class Migration(migrations.Migration):
    """Names alone."""

    dependencies = [("policy", "0008_ledger_is_not_emptied")]

    operations = [
        migrations.AlterModelOptions(
            name="policygeneration",
            options={"verbose_name": "state of the policies", "verbose_name_plural": "state of the policies"},
        ),
        migrations.AlterModelOptions(
            name="registrygeneration",
            options={"verbose_name": "state of what a tenant registered", "verbose_name_plural": "state of what tenants registered"},
        ),
    ]
