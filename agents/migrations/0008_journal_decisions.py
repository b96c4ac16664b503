"""What policies decided about an effect is kept with it."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """A column that may be empty: the table is not rewritten."""

    dependencies: ClassVar = [("agents", "0007_model_caches")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="journalentry",
            name="decisions",
            field=models.JSONField(
                blank=True, help_text="What policies decided about it; null: none asked.", null=True
            ),
        ),
    ]
