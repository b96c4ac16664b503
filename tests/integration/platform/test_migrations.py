"""Models and migrations agree; what a migration reads of old rows it reads rightly."""

from datetime import date
from importlib import import_module
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connection


@pytest.mark.django_db
def test_no_model_changed_without_its_migration() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=2)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("migration", "table", "column"),
    [
        ("agents.migrations.0004_journal_months", "agents_journalentry_whole", "step_id"),
        ("orchestration.migrations.0007_event_months", "orchestration_event_whole", "task_id"),
    ],
)
def test_the_first_month_is_that_of_the_oldest_id_that_tells_its_time(migration: str, table: str, column: str) -> None:
    first_month = import_module(migration)._first_month
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE {table} ({column} uuid)")
        assert first_month() is None
        others = [UUID("00000000-0000-4000-8000-000000000000"), UUID("ffffffff-ffff-4fff-bfff-ffffffffffff")]
        cursor.execute(f"INSERT INTO {table} SELECT unnest(%s::uuid[])", [others])
        assert first_month() is None, "ids that tell no time say nothing, wherever they sort"
        timed = [UUID("0199a2f0-0000-7000-8000-000000000000"), UUID("018f0000-0000-7000-8000-000000000000")]
        cursor.execute(f"INSERT INTO {table} SELECT unnest(%s::uuid[])", [timed])
    assert first_month() == date(2024, 4, 1)
