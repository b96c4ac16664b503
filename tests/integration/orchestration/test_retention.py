"""Events and journal lie in months, which are made ahead and dropped whole."""

from collections.abc import Iterator
from datetime import date
from uuid import UUID

import pytest
from asgiref.sync import async_to_sync
from django.db import connection, transaction
from pytest_django import Settings

from agents.models import JournalEntry
from agents.services import month_tables
from orchestration.api.sse import task_frames
from orchestration.events.reading import Opening
from orchestration.models import Event, Task
from orchestration.retention import EVENTS, months_keep
from orchestration.services import fanout_submit
from policy.types import Principal
from shannon_project.foundation.ids import uuid7
from shannon_project.foundation.partitions import (
    month_after,
    month_current,
    month_make,
    month_of_uuid7,
    month_partitions,
    uuid7_floor,
)
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)

TABLES = (EVENTS, *month_tables())


@pytest.fixture(autouse=True)
def _months_as_they_were(transactional_db: None) -> Iterator[None]:
    """Rows go with the test; partitions that it made go too."""
    kept = {table: set(month_partitions(table)) for table in TABLES}
    yield
    for table in TABLES:
        for month in set(month_partitions(table)) - kept[table]:
            with connection.cursor() as cursor:
                cursor.execute(f"DROP TABLE {table.partition(month)}")


def id_of(month: date) -> UUID:
    """Return a UUIDv7 as it would have been made in the middle of a month."""
    return UUID(int=uuid7_floor(month).int + (15 * 86_400_000 << 80) + (uuid7().int & (2**80 - 1)))


def aged(task: Task, months: int) -> Task:
    """Return an ended task like this one that was made so many months ago, with its events and journal."""
    month = month_after(month_current(), -months)
    for table in TABLES:
        with transaction.atomic():
            month_make(table, month)
    old_id, step_id = id_of(month), id_of(month)
    events = list(Event.objects.filter(task=task))
    entry = JournalEntry.objects.filter(task_id=task.id).first()
    assert entry is not None
    task.pk = task.id = old_id
    task._state.adding = True
    task.save()
    for event in events:
        event.pk, event.task_id = None, old_id
    Event.objects.bulk_create(events)
    entry.pk, entry.step_id, entry.task_id = None, step_id, old_id
    JournalEntry.objects.bulk_create([entry])
    return task


def partition_of(model: type[Event] | type[JournalEntry], task_id: UUID) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT tableoid::regclass::text FROM {model._meta.db_table} WHERE task_id = %s", [task_id]
        )
        return {row[0] for row in cursor.fetchall()}


def test_rows_lie_in_the_month_of_their_task_and_step(principal: Principal) -> None:
    task = play(fanout_submit(principal=principal, width=3, concurrency_limit=1).id)
    month = month_of_uuid7(task.id)
    assert partition_of(Event, task.id) == {EVENTS.partition(month)}
    assert partition_of(JournalEntry, task.id) == {month_tables()[0].partition(month)}


def test_the_months_to_come_are_there_and_are_made_once() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {EVENTS.partition(month_after(month_current(), 2))}")
    assert months_keep().made == (EVENTS.partition(month_after(month_current(), 2)),)
    assert months_keep().made == ()


def test_old_months_are_dropped_and_the_tasks_stay(principal: Principal, settings: Settings) -> None:
    young = play(fanout_submit(principal=principal, width=3, concurrency_limit=1).id)
    old = aged(Task.objects.get(id=young.id), 4)
    assert months_keep().dropped == ()  # by default all is kept
    settings.SHANNON_RETENTION_MONTHS = 3
    dropped = months_keep().dropped
    assert set(dropped) == {table.partition(month_of_uuid7(old.id)) for table in TABLES}
    assert not Event.objects.filter(task=old).exists()
    assert not JournalEntry.objects.filter(task_id=old.id).exists()
    assert Task.objects.get(id=old.id).result == young.result
    assert Event.objects.filter(task=young).count() == young.event_seq


def test_a_month_since_which_a_task_is_open_is_kept(principal: Principal, settings: Settings) -> None:
    settings.SHANNON_RETENTION_MONTHS = 1
    old = aged(play(fanout_submit(principal=principal, width=3, concurrency_limit=1).id), 4)
    Task.objects.filter(id=old.id).update(status="PAUSED")
    assert months_keep().dropped == ()
    assert Event.objects.filter(task=old).exists()


def test_the_stream_of_a_task_whose_events_are_dropped_ends_at_once(principal: Principal, settings: Settings) -> None:
    settings.SHANNON_RETENTION_MONTHS = 1
    old = aged(play(fanout_submit(principal=principal, width=3, concurrency_limit=1).id), 4)
    months_keep()

    async def read() -> list[bytes]:
        return [frame async for frame in task_frames(Opening(old), after_seq=0, kinds=None)]

    frames = async_to_sync(read)()
    assert len(frames) == 2
    assert b"[DONE]" in frames[1]
