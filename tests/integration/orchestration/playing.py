"""A tenant with its policies, and a worker that is played by hand."""

import threading
from collections.abc import Callable, Iterator
from typing import Final, TypeVar
from uuid import UUID

import pytest
from django.db import connection, connections
from pytest_django import Settings

from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.engine.lease import KEEPER
from orchestration.models import Task
from orchestration.types import TASK_TERMINAL
from policy.services import tenant_seed
from policy.types import SCOPES, Principal

PATIENCE_SECONDS: Final = 120.0
T = TypeVar("T")


@pytest.fixture
def principal(transactional_db: None, settings: Settings) -> Iterator[Principal]:
    """Somebody of a new tenant who may do everything; the heartbeat that the test started ends with it."""
    settings.SHANNON_RECOVER_SERVER_UPTIME_SECONDS = 0.0  # the tests' server has only just been started
    tenant = tenant_seed(slug="acme", name="Acme")
    yield Principal(tenant.id, "key:test", "tester", frozenset(SCOPES))
    KEEPER.stop()


def play(task_id: UUID, *, limit: int = 50) -> Task:
    """Do by hand what doorbells make workers do, until the task has ended."""
    for _ in range(limit):
        task = Task.objects.get(id=task_id)
        if task.status in TASK_TERMINAL:
            return task
        task_advance(task_id)
        drain(task_id, first=None)
    raise AssertionError(f"the task has not ended after {limit} rounds: {Task.objects.get(id=task_id).status}")


def in_thread(act: Callable[[], T]) -> T:
    """Do something as another process would: on a connection of its own, which is given back."""
    try:
        return act()
    finally:
        connections.close_all()


def until_one_waits() -> None:
    """Wait until some other connection waits for a lock."""
    pause = threading.Event()
    for _ in range(int(PATIENCE_SECONDS / 0.02)):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")  # of this moment, also in a transaction
            if cursor.fetchone()[0]:
                return
        pause.wait(0.02)
    raise AssertionError("nobody waits for a lock")
