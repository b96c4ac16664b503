"""What the admin calls these rows, in an operator's words."""

from django.db import migrations


class Migration(migrations.Migration):
    """Names alone."""

    dependencies = [("sandbox", "0002_stored_files")]

    operations = [
        migrations.AlterModelOptions(
            name="storedfile",
            options={"verbose_name": "file of a workspace", "verbose_name_plural": "files of workspaces"},
        ),
    ]
