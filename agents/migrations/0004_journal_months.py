"""The journal is partitioned by the month in which its step was made: `step_id` is a UUIDv7, so it tells the time."""

from datetime import date
from typing import Any, ClassVar

from django.db import connection, migrations

from shannon_project.foundation.partitions import MonthKey, MonthTable, month_of_uuid7, months_make

TABLE = MonthTable("agents_journalentry", "step_id", MonthKey.UUID7)

UUID7_VERSION = "7"  # the 15th character of its text; other ids tell no time, so they do not count here

MAKE = """
ALTER TABLE agents_journalentry RENAME TO agents_journalentry_whole;
CREATE TABLE agents_journalentry (
    LIKE agents_journalentry_whole INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE
) PARTITION BY RANGE (step_id);
CREATE SEQUENCE agents_journalentry_number AS bigint;
ALTER TABLE agents_journalentry ALTER COLUMN id SET DEFAULT nextval('agents_journalentry_number');
ALTER SEQUENCE agents_journalentry_number OWNED BY agents_journalentry.id;
CREATE TABLE agents_journalentry_default PARTITION OF agents_journalentry DEFAULT;
"""
FILL = """
INSERT INTO agents_journalentry SELECT * FROM agents_journalentry_whole;
SELECT setval('agents_journalentry_number', COALESCE((SELECT max(id) FROM agents_journalentry), 0) + 1, false);
DROP TABLE agents_journalentry_whole;
ALTER TABLE agents_journalentry ADD CONSTRAINT journal_position_unique_in_step UNIQUE (step_id, position);
CREATE INDEX journal_by_id ON agents_journalentry (id);
CREATE INDEX journal_by_task ON agents_journalentry (task_id);
"""


def _months(_apps: Any, _schema_editor: Any) -> None:
    months_make(TABLE, ahead=2, first=_first_month())


def _first_month() -> date | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT step_id FROM agents_journalentry_whole WHERE substr(step_id::text, 15, 1) = %s ORDER BY step_id LIMIT 1",
            [UUID7_VERSION],
        )
        row = cursor.fetchone()
    return None if row is None else month_of_uuid7(row[0])


class Migration(migrations.Migration):
    """Copies what there is; Django sees no difference."""

    dependencies: ClassVar = [("agents", "0003_blob")]

    operations: ClassVar = [
        migrations.RunSQL(MAKE, migrations.RunSQL.noop),
        migrations.RunPython(_months, migrations.RunPython.noop),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
