from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0017_step_ready_at")]

    operations = [
        migrations.AddField(
            model_name="idempotencyrecord",
            name="resource_id",
            field=models.UUIDField(
                null=True, help_text="Of what else it made: a role, say, or a tool."
            ),
        )
    ]
