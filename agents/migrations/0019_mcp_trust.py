"""Trust in a server's tools is in what they are now, and ends when they are described anew."""

import hashlib
import json

from django.db import migrations, models


def bound(apps, schema_editor):
    """Take the digests of what is trusted, as `agents.tools.mcp.trust` has them."""
    for server in apps.get_model("agents", "McpServer").objects.exclude(tools_trusted=[]):
        said = {record["name"]: json.dumps({"returns": {}, **record}, sort_keys=True) for record in server.tools}
        server.trust_digests = {
            name: hashlib.sha256(said[name].encode()).hexdigest() for name in server.tools_trusted if name in said
        }
        server.save(update_fields=["trust_digests"])


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0018_registry_generation"),
    ]

    operations = [
        migrations.AddField(
            model_name="mcpserver",
            name="trust_digests",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text="Digest of what each trusted tool was when it was trusted, by its name.",
            ),
        ),
        migrations.AddField(
            model_name="mcpserver",
            name="trust_ended",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text="Tools that were trusted until they were described anew, and when that was.",
            ),
        ),
        migrations.RunPython(bound, migrations.RunPython.noop),
    ]
