"""One recoverer at a time, and none that keeps the others from it."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from pytest_django import Settings

from orchestration.engine.advance import task_advance
from orchestration.engine.claim import steps_claim
from orchestration.engine.recover import ADVISORY_LOCK, Recovered, recover
from orchestration.models import Step, Task
from orchestration.services import fanout_submit
from policy.types import Principal
from tests.integration.orchestration.playing import principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def holder() -> Iterator["psycopg.Connection[Any]"]:
    """A session of another process that has the lock and asks nothing more, as one that was stopped."""
    parameters = connection.get_connection_params()
    names = ("host", "port", "dbname", "user", "password")
    with psycopg.connect(**{name: parameters[name] for name in names if name in parameters}, autocommit=True) as held:
        held.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
        yield held


def lapsed(principal: Principal) -> UUID:
    """Return a task of one step whose worker is dead."""
    task_id = fanout_submit(principal=principal, width=1, concurrency_limit=1).id
    task_advance(task_id)
    steps_claim(task_id=task_id, first=None, owner="dead", limit=1)
    Step.objects.filter(task_id=task_id).update(lease_until=Now() - timedelta(seconds=1))
    return task_id


def test_a_recoverer_at_work_is_left_alone(
    principal: Principal, settings: Settings, holder: "psycopg.Connection[Any]"
) -> None:
    settings.SHANNON_LEASE_SECONDS = 3600.0
    lapsed(principal)
    assert recover() == Recovered()
    assert holder.execute("SELECT 1").fetchone() == (1,)


def test_a_recoverer_that_stands_still_keeps_nobody_from_recovering(
    principal: Principal, settings: Settings, holder: "psycopg.Connection[Any]"
) -> None:
    lapsed(principal)
    settings.SHANNON_LEASE_SECONDS = 0.0
    pause = threading.Event()
    for _ in range(5_000):  # the server ends the session a moment after it was told to
        if recover().steps:
            break
        pause.wait(0.02)
    assert Step.objects.get().status == "ready"
    with pytest.raises(psycopg.OperationalError):
        holder.execute("SELECT 1")


def test_a_writer_that_stands_still_in_a_pipeline_locks_its_task_no_longer_than_allowed(
    principal: Principal, settings: Settings, holder: "psycopg.Connection[Any]"
) -> None:
    holder.execute("SELECT pg_advisory_unlock_all()")
    task_id = lapsed(principal)
    with suppress(psycopg.OperationalError), holder.pipeline():
        holder.execute("BEGIN")
        holder.execute("SELECT 1 FROM orchestration_task WHERE id = %s FOR NO KEY UPDATE", [task_id])
        holder.pgconn.send_flush_request()
        holder.pgconn.flush()
        until_locked(task_id)
        assert recover().steps == 0, "it may be at work"
        settings.SHANNON_DATABASE_TRANSACTION_IDLE_SECONDS = 0.0
        pause = threading.Event()
        for _ in range(5_000):  # the server ends the session a moment after it was told to
            if recover().steps:
                break
            pause.wait(0.02)
    assert Step.objects.get().status == "ready"


def until_locked(task_id: UUID) -> None:
    """Wait until somebody has the task's row."""
    pause = threading.Event()
    for _ in range(5_000):
        with transaction.atomic():
            rows = Task.objects.select_for_update(no_key=True, skip_locked=True)
            if not rows.filter(id=task_id).exists():
                return
        pause.wait(0.02)
    raise AssertionError("nobody locked the task")
