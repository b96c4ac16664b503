"""Large values by reference: the table of blobs, partitioned by the month in which they were stored."""

from typing import Any, ClassVar

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from shannon_project.foundation.partitions import MonthKey, MonthTable, months_make

TABLE = """
CREATE SEQUENCE agents_blob_id_seq AS bigint;
CREATE TABLE agents_blob (
    id bigint NOT NULL DEFAULT nextval('agents_blob_id_seq'),
    tenant_id uuid NOT NULL,
    digest varchar(64) NOT NULL,
    month date NOT NULL DEFAULT (date_trunc('month', statement_timestamp() AT TIME ZONE 'UTC')::date),
    media_type varchar(100) NOT NULL,
    size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
    characters bigint CHECK (characters >= 0),
    data bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT (statement_timestamp()),
    PRIMARY KEY (id, month),
    CONSTRAINT blob_once_in_tenant_and_month UNIQUE (tenant_id, digest, month)
) PARTITION BY RANGE (month);
ALTER SEQUENCE agents_blob_id_seq OWNED BY agents_blob.id;
CREATE TABLE agents_blob_default PARTITION OF agents_blob DEFAULT;
"""


def _first_months(_apps: Any, _schema_editor: Any) -> None:
    months_make(MonthTable("agents_blob", "month", MonthKey.DATE), ahead=2)


class Migration(migrations.Migration):
    """Django knows the table; that it is partitioned only Postgres does."""

    dependencies: ClassVar = [("agents", "0002_message_role_system"), ("policy", "0001_initial")]

    operations: ClassVar = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(TABLE, "DROP TABLE agents_blob")],
            state_operations=[
                migrations.CreateModel(
                    name="Blob",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("digest", models.CharField(help_text="SHA-256 of the bytes.", max_length=64)),
                        (
                            "month",
                            models.DateField(
                                db_default=django.db.models.functions.datetime.TruncMonth(
                                    django.db.models.functions.datetime.Now(), output_field=models.DateField()
                                )
                            ),
                        ),
                        ("media_type", models.CharField(max_length=100)),
                        ("size_bytes", models.PositiveBigIntegerField()),
                        (
                            "characters",
                            models.PositiveBigIntegerField(
                                blank=True, help_text="Of a text; empty for other bytes.", null=True
                            ),
                        ),
                        ("data", models.BinaryField()),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                        (
                            "tenant",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="policy.tenant",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("tenant", "digest", "month"), name="blob_once_in_tenant_and_month"
                            )
                        ],
                    },
                ),
            ],
        ),
        migrations.RunPython(_first_months, migrations.RunPython.noop),
    ]
