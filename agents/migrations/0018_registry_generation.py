"""What a tenant registers tells in the transaction of each change that it changed, whoever writes it."""

from django.db import migrations

TABLES = ("agentrole", "mcpserver", "openapi", "owntoolrow", "tenantskill")


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0017_mcp_server_asked_at"),
        ("policy", "0006_registry_generation"),
    ]

    operations = [
        migrations.RunSQL(
            """
            CREATE FUNCTION agents_registry_changed() RETURNS trigger LANGUAGE plpgsql AS $$
            DECLARE
                -- when a server was asked, and that it still says the same, changes nothing for anybody
                unread constant text[] := ARRAY['asked_at', 'discovered_at', 'discovery_error', 'updated_at'];
            BEGIN
                IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - unread = to_jsonb(OLD) - unread THEN
                    RETURN NULL;
                END IF;
                IF TG_OP <> 'INSERT' THEN
                    PERFORM policy_registry_changed(OLD.tenant_id);
                END IF;
                IF TG_OP <> 'DELETE' AND (TG_OP = 'INSERT' OR NEW.tenant_id <> OLD.tenant_id) THEN
                    PERFORM policy_registry_changed(NEW.tenant_id);
                END IF;
                RETURN NULL;
            END $$;
            """
            + "\n".join(
                f"CREATE TRIGGER agents_{table}_changed AFTER INSERT OR UPDATE OR DELETE ON agents_{table}"
                " FOR EACH ROW EXECUTE FUNCTION agents_registry_changed();"
                for table in TABLES
            ),
            "\n".join(f"DROP TRIGGER agents_{table}_changed ON agents_{table};" for table in TABLES)
            + "DROP FUNCTION agents_registry_changed();",
        ),
    ]
