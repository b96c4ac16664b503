"""The first steps of a task that somebody waits for are made with it; what is not plain is left to a control worker."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from pytest_django import Settings

from benchmarks.waits import waits_counted
from orchestration.engine import advance
from orchestration.engine.beginning import STEPS_AT_ONCE
from orchestration.engine.presence import Presence
from orchestration.errors import QueueFull
from orchestration.models import Event, Step, Task
from orchestration.services import inserting, task_submit
from orchestration.strategies import Fail, Finish, Move, Spawn
from orchestration.strategies.simple import SimpleStrategy
from orchestration.types import EventKind, StepKind, StepSpec, StepStatus, TaskRequest, TaskStatus, TaskView
from policy.types import Principal
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)

WAITS = 2  # who holds slots, with all that was inserted; slots and the commit
QUESTION = TaskRequest(query="Who are you?", mode="simple")


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What workers are told, in order: steps' ids for drainers, the task's id for a control worker."""
    told: list[Any] = []

    def steps(_task_id: UUID, _tenant_id: UUID, first_steps: Sequence[UUID]) -> bool:
        told.append(list(first_steps))
        return True

    def task(task_id: UUID, _tenant_id: UUID, **_more: Any) -> bool:
        told.append(task_id)
        return True

    monkeypatch.setattr(advance, "ring_steps", steps)
    monkeypatch.setattr(inserting, "ring_advance", task)
    return told


def submitted(principal: Principal, request: TaskRequest = QUESTION) -> Task:
    task_id = task_submit(principal=principal, request=request, begins=True).task.id
    return Task.objects.get(id=task_id)


def test_it_runs_from_the_beginning_and_a_drainer_is_told_of_its_step(principal: Principal, rung: list[Any]) -> None:
    task = submitted(principal)
    step = Step.objects.get(task=task)
    assert (task.status, step.status) == (TaskStatus.RUNNING, StepStatus.READY)
    assert (task.started_at, task.doorbell_at is None) == (task.created_at, False)
    assert step.rung_at is not None, "its slot is seen by whoever counts them"
    assert rung == [[step.id]]
    assert [(event.seq, event.kind) for event in Event.objects.filter(task=task).order_by("seq")] == [
        (1, EventKind.WORKFLOW_STARTED),
        (2, EventKind.DELEGATION),
    ]
    assert task.event_seq == 2
    assert play(task.id).status == TaskStatus.COMPLETED


def test_it_waits_for_postgres_twice(principal: Principal, rung: list[Any], settings: Settings) -> None:
    play(submitted(principal).id)  # the policies are loaded
    settings.SHANNON_POLICY_RECHECK_SECONDS = 3600.0
    settings.SHANNON_TENANT_TOOLS_CACHE_SECONDS = 3600.0
    with waits_counted() as waits:
        task_submit(principal=principal, request=QUESTION, begins=True)
    assert waits.count <= WAITS


def test_what_is_answered_says_when_it_was_made(principal: Principal, rung: list[Any]) -> None:
    task = task_submit(principal=principal, request=QUESTION, begins=True).task
    stored = Task.objects.get(id=task.id)
    assert (task.created_at, task.updated_at) == (stored.created_at, stored.created_at)


def test_without_a_free_slot_its_steps_wait_and_nobody_is_told(
    principal: Principal, rung: list[Any], settings: Settings
) -> None:
    Presence("worker@here:1", 1).tell()
    first, second = submitted(principal), submitted(principal)
    assert rung == [[Step.objects.get(task=first).id]]
    assert (first.waits_since, second.waits_since is None) == (None, False)
    assert Step.objects.get(task=second).rung_at is None


def test_a_task_of_which_a_person_is_asked_first_has_no_steps(principal: Principal, rung: list[Any]) -> None:
    task = submitted(principal, TaskRequest(query="Who are you?", mode="simple", require_approval=True))
    assert task.status == TaskStatus.QUEUED
    assert not Step.objects.filter(task=task).exists()
    assert rung == [task.id]


def wide(_: SimpleStrategy, _view: TaskView) -> Move:
    return Spawn(tuple(StepSpec(f"n{n}", StepKind.NOOP, "Nothing", {}) for n in range(STEPS_AT_ONCE + 1)))


def astray(_: SimpleStrategy, _view: TaskView) -> Move:
    return Spawn((StepSpec("n", StepKind.NOOP, "Lost", {}, ("nobody",)),))


def broken(_: SimpleStrategy, view: TaskView) -> Move:
    return Spawn(steps=view.parameters["of another version"])


@pytest.mark.parametrize("asked", [wide, astray, broken, lambda *_: Finish("Done."), lambda *_: Fail({"code": "X"})])
def test_what_is_wide_or_broken_or_ends_at_once_is_for_a_control_worker(
    principal: Principal, rung: list[Any], monkeypatch: pytest.MonkeyPatch, asked: object
) -> None:
    monkeypatch.setattr(SimpleStrategy, "next", asked)
    task = submitted(principal)
    assert (task.status, task.started_at) == (TaskStatus.QUEUED, None)
    assert not Step.objects.filter(task=task).exists()
    assert rung == [task.id]


def test_a_full_queue_leaves_nothing_behind_and_nobody_is_told(
    principal: Principal, rung: list[Any], settings: Settings
) -> None:
    settings.SHANNON_TENANT_MAX_OPEN_TASKS = 1
    task = submitted(principal)
    for _ in range(2):  # the second time it is known before anything is written
        with pytest.raises(QueueFull) as refused:
            submitted(principal)
        assert refused.value.details["open_tasks"] == 1
    assert list(Task.objects.values_list("id", flat=True)) == [task.id]
    assert Step.objects.count() == 1
    assert len(rung) == 1
    Task.objects.update(status=TaskStatus.COMPLETED)
    assert submitted(principal).status == TaskStatus.RUNNING


def test_the_same_key_begins_it_once(principal: Principal, rung: list[Any]) -> None:
    made = [
        task_submit(principal=principal, request=QUESTION, idempotency_key="k", begins=True).task.id for _ in range(2)
    ]
    assert made[0] == made[1]
    assert Step.objects.count() == len(rung) == 1
