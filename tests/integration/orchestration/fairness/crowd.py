"""Two tenants with more steps than there are threads."""

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest

from orchestration.engine.advance import task_advance
from orchestration.engine.claim import steps_claim
from orchestration.engine.presence import Presence
from orchestration.engine.turns import TURNS
from orchestration.models import Step, Task
from orchestration.services import fanout_submit
from orchestration.types import PRIORITY_RANK, Priority, StepStatus
from policy.services import tenant_seed
from policy.types import SCOPES, Principal

THREADS = 16
SHARED = 14  # but for the reserve


@pytest.fixture
def other(principal: Principal) -> Principal:
    """Somebody of a second tenant."""
    tenant = tenant_seed(slug="globex", name="Globex")
    return Principal(tenant.id, "key:test", "tester", frozenset(SCOPES))


@pytest.fixture
def capacity() -> Iterator[Callable[[int], None]]:
    """Say how many threads this process has for drainers."""
    yield TURNS.capacity_set
    TURNS.capacity_set(None)


@pytest.fixture(autouse=True)
def _worker(principal: Principal) -> None:
    Presence("worker@here:1", THREADS).tell()


def submitted(
    principal: Principal,
    width: int = 1,
    limit: int = 8,
    priority: Priority = Priority.NORMAL,
    *,
    only_computes: bool = False,
) -> UUID:
    """Submit and advance once, as the first doorbell does. Steps are agents', which wait, or do nothing."""
    asked = "" if only_computes else "Who are you?"
    task = fanout_submit(principal=principal, width=width, concurrency_limit=limit, instruction=asked)
    Task.objects.filter(id=task.id).update(priority=PRIORITY_RANK[priority])
    task_advance(task.id)
    return task.id


def rung(*task_ids: UUID) -> int:
    """Count the drainers that were sent and have not begun."""
    return Step.objects.filter(task_id__in=task_ids, status=StepStatus.READY, rung_at__isnull=False).count()


def is_waiting(task_id: UUID) -> bool:
    return Task.objects.get(id=task_id).waits_since is not None


def begin(task_id: UUID, owner: str) -> None:
    """Let a drainer that was sent begin a step, and stay at it."""
    first = Step.objects.filter(task_id=task_id, status=StepStatus.READY, rung_at__isnull=False).first()
    assert first is not None
    assert steps_claim(task_id=task_id, first=first.id, owner=owner, limit=1)


def end(task_id: UUID, count: int = 1) -> None:
    """End steps that are at work, as if their drainers had found nothing more to do."""
    running = Step.objects.filter(task_id=task_id, status=StepStatus.RUNNING)[:count]
    Step.objects.filter(id__in=[step.id for step in running]).update(status="succeeded", lease_owner="")
