"""One message for many drainers: they work at the same time in one process, as if each had had its own."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from pytest_django import Settings

from agents.llm.fake import FakeGateway
from agents.llm.types import ModelReply
from orchestration.engine.advance import task_advance
from orchestration.engine.crew import Crew
from orchestration.engine.drain import drain
from orchestration.engine.presence import Presence
from orchestration.engine.turns import TURNS
from orchestration.jobs import run_steps
from orchestration.models import Event, Step, Task
from orchestration.services import fanout_submit
from orchestration.types import TaskStatus
from policy.types import Principal
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]
pytestmark = pytest.mark.django_db(transaction=True)

AGENTS = 12  # no more than the process has threads by default
PATIENCE_SECONDS = 60


class MeetingGateway(FakeGateway):
    """A model that answers nobody before as many as are awaited have asked; it counts who asks at the same time."""

    everybody = threading.Barrier(1)
    lock = threading.Lock()
    asking = 0
    most = 0

    def complete(self, *args: Any, **kwargs: Any) -> ModelReply:
        """Wait for the others, then answer."""
        kind = type(self)
        with kind.lock:
            kind.asking += 1
            kind.most = max(kind.most, kind.asking)
        try:
            kind.everybody.wait(timeout=PATIENCE_SECONDS)
            return super().complete(*args, **kwargs)
        finally:
            with kind.lock:
                kind.asking -= 1


@pytest.fixture
def meeting(settings: Settings) -> Callable[[int], None]:
    """Say how many agents must ask the model before it answers them. No drainer ends because its time is over."""
    settings.SHANNON_MODEL_GATEWAY = f"{__name__}.MeetingGateway"
    settings.SHANNON_DRAIN_SLICE_SECONDS = 3_600.0

    def awaited(agents: int) -> None:
        MeetingGateway.everybody = threading.Barrier(agents)
        MeetingGateway.asking = MeetingGateway.most = 0

    return awaited


def rung(principal: Principal, width: int = AGENTS) -> tuple[UUID, list[UUID]]:
    """Return a task whose agents were rung for, and their steps in order."""
    Presence("worker@here:1", width * 2).tell()
    task = fanout_submit(principal=principal, width=width, concurrency_limit=width, instruction="Who are you?")
    task_advance(task.id)
    steps = Step.objects.filter(task_id=task.id, rung_at__isnull=False).order_by("position")
    ids = list(steps.values_list("id", flat=True))
    assert len(ids) == width
    return task.id, ids


def test_a_message_for_many_runs_them_all_at_the_same_time(
    principal: Principal, meeting: Callable[[int], None]
) -> None:
    task_id, steps = rung(principal)
    meeting(AGENTS)
    first, *others = map(str, steps)
    assert run_steps(str(task_id), first=first, others=others) == AGENTS
    assert MeetingGateway.most == AGENTS
    assert set(Step.objects.filter(task_id=task_id).values_list("status", "attempt")) == {("succeeded", 1)}
    assert Task.objects.get(id=task_id).status == TaskStatus.COMPLETED, "the last of them moves the task on"
    numbers = list(Event.objects.filter(task_id=task_id).order_by("seq").values_list("seq", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_message_that_comes_twice_runs_nothing_twice(principal: Principal, meeting: Callable[[int], None]) -> None:
    task_id, steps = rung(principal)
    meeting(1)
    first, *others = map(str, steps)
    assert run_steps(str(task_id), first=first, others=others) == AGENTS
    assert run_steps(str(task_id), first=first, others=others) == 0
    assert set(Step.objects.filter(task_id=task_id).values_list("status", "attempt")) == {("succeeded", 1)}


def test_a_crew_takes_no_more_threads_than_the_process_has_and_leaves_nothing_undone(
    principal: Principal, meeting: Callable[[int], None]
) -> None:
    task_id, steps = rung(principal)
    meeting(1)
    TURNS.capacity_set(4)
    try:
        first, *others = map(str, steps)
        run_steps(str(task_id), first=first, others=others)
    finally:
        TURNS.capacity_set(None)
    assert MeetingGateway.most <= 4
    assert play(task_id).status == TaskStatus.COMPLETED
    assert set(Step.objects.filter(task_id=task_id).values_list("status", "attempt")) == {("succeeded", 1)}


def test_a_drainer_that_breaks_ends_none_of_the_others(principal: Principal, meeting: Callable[[int], None]) -> None:
    task_id, steps = rung(principal)
    meeting(1)
    broken = steps[1]

    def breaking(task_id: UUID, *, first: UUID | None) -> int:
        if first == broken:
            raise RuntimeError("a defect")
        return drain(task_id, first=first)

    # its step stays ready, and whoever ends another one goes on with it
    assert Crew(breaking).work(task_id, steps) == AGENTS
    assert set(Step.objects.filter(task_id=task_id).values_list("status", "attempt")) == {("succeeded", 1)}
