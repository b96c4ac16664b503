"""A tenant with its policies, and a worker that is played by hand."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from pytest_django import Settings

from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.engine.lease import KEEPER
from orchestration.models import Task
from orchestration.types import TASK_TERMINAL
from policy.services import tenant_seed
from policy.types import SCOPES, Principal


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
