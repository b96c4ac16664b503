"""The weight of a tenant holds for turns at models too."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    """A help text."""

    dependencies = [("policy", "0006_registry_generation")]

    operations = [
        migrations.AlterField(
            model_name="tenant",
            name="weight",
            field=models.PositiveSmallIntegerField(
                default=1,
                help_text="Its share of the workers, and of the turns at a model, while others want them too; 1 to 100.",
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(100),
                ],
            ),
        )
    ]
