"""What the admin calls these rows, in an operator's words."""

from django.db import migrations


class Migration(migrations.Migration):
    """Names alone."""

    dependencies = [("agents", "0019_mcp_trust")]

    operations = [
        migrations.AlterModelOptions(
            name="blob",
            options={"verbose_name": "large value"},
        ),
        migrations.AlterModelOptions(
            name="kepttext",
            options={"verbose_name": "prompt or answer", "verbose_name_plural": "prompts and answers"},
        ),
        migrations.AlterModelOptions(
            name="modeloverride",
            options={"verbose_name": "model"},
        ),
        migrations.AlterModelOptions(
            name="tieroverride",
            options={"verbose_name": "tier of models", "verbose_name_plural": "tiers of models"},
        ),
    ]
