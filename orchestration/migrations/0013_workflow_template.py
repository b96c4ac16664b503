import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0012_message_count"), ("policy", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="WorkflowTemplate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=64)),
                ("version", models.PositiveIntegerField(help_text="From 1, by tenant and name.")),
                ("digest", models.CharField(help_text="SHA-256 of the complete workflow.", max_length=64)),
                ("source", models.TextField(help_text="The YAML as it was given.")),
                ("workflow", models.JSONField(help_text="What is carried out: the source with all that it inherits.")),
                ("origin", models.CharField(help_text="A file, or who saved it.", max_length=200)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "tenant",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: the platform's own.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="policy.tenant",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="workflowtemplate",
            constraint=models.UniqueConstraint(
                fields=("tenant", "name", "version"), name="template_version_unique", nulls_distinct=False
            ),
        ),
    ]
