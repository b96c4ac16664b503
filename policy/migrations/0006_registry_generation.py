"""A number for each tenant that grows with every change of what it registers."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("policy", "0005_budget_of_a_node")]

    operations = [
        migrations.CreateModel(
            name="RegistryGeneration",
            fields=[
                (
                    "tenant",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="policy.tenant",
                    ),
                ),
                ("generation", models.BigIntegerField()),
            ],
        ),
        migrations.RunSQL(
            """
            CREATE SEQUENCE policy_registrygeneration_number;
            -- The number is taken when the row is ours, so that it grows in the order of the commits, and never again:
            -- a change that is rolled back can then not look like the next one.
            CREATE FUNCTION policy_registry_changed(whose uuid) RETURNS void LANGUAGE sql AS $$
                INSERT INTO policy_registrygeneration (tenant_id, generation)
                VALUES (whose, nextval('policy_registrygeneration_number'))
                ON CONFLICT (tenant_id) DO UPDATE SET generation = nextval('policy_registrygeneration_number');
            $$;
            """,
            """
            DROP FUNCTION policy_registry_changed(uuid);
            DROP SEQUENCE policy_registrygeneration_number;
            """,
        ),
    ]
