"""What the admin calls these rows, in an operator's words."""

from django.db import migrations


class Migration(migrations.Migration):
    """Names alone."""

    dependencies = [("orchestration", "0019_task_traceparent")]

    operations = [
        migrations.AlterModelOptions(
            name="routerecord",
            options={"verbose_name": "route learned", "verbose_name_plural": "routes learned"},
        ),
        migrations.AlterModelOptions(
            name="workerpresence",
            options={"verbose_name": "worker"},
        ),
    ]
