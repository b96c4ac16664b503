"""Events are partitioned by the month in which their task was made: `task_id` is a UUIDv7, so it tells the time."""

from datetime import date
from typing import Any, ClassVar

import django.db.models.deletion
from django.db import connection, migrations, models

from shannon_project.foundation.partitions import MonthKey, MonthTable, month_of_uuid7, months_make

TABLE = MonthTable("orchestration_event", "task_id", MonthKey.UUID7)

UUID7_VERSION = "7"  # the 15th character of its text; other ids tell no time, so they do not count here

MAKE = """
ALTER TABLE orchestration_event RENAME TO orchestration_event_whole;
CREATE TABLE orchestration_event (
    LIKE orchestration_event_whole INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE
) PARTITION BY RANGE (task_id);
CREATE SEQUENCE orchestration_event_number AS bigint;
ALTER TABLE orchestration_event ALTER COLUMN id SET DEFAULT nextval('orchestration_event_number');
ALTER SEQUENCE orchestration_event_number OWNED BY orchestration_event.id;
CREATE TABLE orchestration_event_default PARTITION OF orchestration_event DEFAULT;
"""
FILL = """
INSERT INTO orchestration_event SELECT * FROM orchestration_event_whole;
SELECT setval('orchestration_event_number', COALESCE((SELECT max(id) FROM orchestration_event), 0) + 1, false);
DROP TABLE orchestration_event_whole;
ALTER TABLE orchestration_event ADD CONSTRAINT event_seq_unique_in_task UNIQUE (task_id, seq);
CREATE INDEX event_by_id ON orchestration_event (id);
"""


def _months(_apps: Any, _schema_editor: Any) -> None:
    months_make(TABLE, ahead=2, first=_first_month())


def _first_month() -> date | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT task_id FROM orchestration_event_whole WHERE substr(task_id::text, 15, 1) = %s ORDER BY task_id LIMIT 1",
            [UUID7_VERSION],
        )
        row = cursor.fetchone()
    return None if row is None else month_of_uuid7(row[0])


class Migration(migrations.Migration):
    """Copies what there is. The foreign key is Django's only from now on: see the model."""

    dependencies: ClassVar = [("orchestration", "0006_approval")]

    operations: ClassVar = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(MAKE, migrations.RunSQL.noop),
                migrations.RunPython(_months, migrations.RunPython.noop),
                migrations.RunSQL(FILL, migrations.RunSQL.noop),
            ],
            state_operations=[
                migrations.AlterField(
                    model_name="event",
                    name="task",
                    field=models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="events",
                        to="orchestration.task",
                    ),
                )
            ],
        )
    ]
