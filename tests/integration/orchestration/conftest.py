"""A tenant with its policies, and a worker that is played by hand."""

from uuid import UUID

import pytest

from orchestration.engine.advance import task_advance
from orchestration.engine.run import drain
from orchestration.models import Task
from orchestration.types import TASK_TERMINAL
from policy.models import Tenant
from policy.services import tenant_seed
from policy.types import SCOPES, Principal


@pytest.fixture
def tenant(transactional_db: None) -> Tenant:
    return tenant_seed(slug="acme", name="Acme")


@pytest.fixture
def principal(tenant: Tenant) -> Principal:
    return Principal(tenant.id, "key:test", "tester", frozenset(SCOPES))


def play(task_id: UUID, *, limit: int = 50) -> Task:
    """Do by hand what doorbells make workers do, until the task has ended."""
    for _ in range(limit):
        task = Task.objects.get(id=task_id)
        if task.status in TASK_TERMINAL:
            return task
        task_advance(task_id)
        drain(task_id, first=None)
    raise AssertionError(f"the task has not ended after {limit} rounds: {Task.objects.get(id=task_id).status}")
