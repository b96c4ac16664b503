"""A strategy that breaks: its task is tried again, fails after a while, and holds up nobody."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.engine.presence import Presence
from orchestration.models import Event, Step, Task
from orchestration.replaying import task_replay
from orchestration.services import fanout_submit
from orchestration.strategies import Move, Spawn
from orchestration.strategies.fanout import FanoutStrategy
from orchestration.types import StepKind, StepSpec, TaskStatus, TaskView
from policy.types import Principal
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)


def submitted(principal: Principal) -> Task:
    return fanout_submit(principal=principal, width=2, concurrency_limit=1)


def long_ago(task: Task) -> None:
    """Let the task's last event be an hour old."""
    Task.objects.filter(id=task.id).update(updated_at=Now() - timedelta(hours=1))


def broken(_: FanoutStrategy, view: TaskView) -> Move:
    """Look for a parameter that the task has not, as code of another version does."""
    return Spawn(steps=view.parameters["of another version"])


def doubled(_: FanoutStrategy, view: TaskView) -> Move:
    """Make the same step at every turn."""
    return Spawn(steps=(StepSpec("noop-0", StepKind.NOOP, "Again", {}),))


def astray(_: FanoutStrategy, view: TaskView) -> Move:
    """Make a step that waits for one that nobody makes."""
    return Spawn(steps=(StepSpec(f"noop-{len(view.steps)}", StepKind.NOOP, "Lost", {}, ("nobody",)),))


def test_its_task_waits_for_code_that_can_go_on(principal: Principal) -> None:
    task = submitted(principal)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FanoutStrategy, "next", broken)
        assert task_advance(task.id)
    assert Task.objects.get(id=task.id).status == TaskStatus.QUEUED
    assert play(task.id).status == TaskStatus.COMPLETED


@pytest.mark.parametrize("breaks", [broken, doubled, astray])
def test_a_task_whose_strategy_breaks_for_long_fails_and_says_so(
    principal: Principal, breaks: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = submitted(principal)
    monkeypatch.setattr(FanoutStrategy, "next", breaks)
    task_advance(task.id)
    task_advance(task.id)
    assert Task.objects.get(id=task.id).status in {TaskStatus.QUEUED, TaskStatus.RUNNING}
    long_ago(task)
    task_advance(task.id)
    ended = Task.objects.get(id=task.id)
    assert (ended.status, (ended.error or {})["code"]) == (TaskStatus.FAILED, "STRATEGY_BROKE")
    assert Event.objects.filter(task=task).latest("seq").kind == "STREAM_END"
    assert not Step.objects.filter(task=task, status="ready").exists()


def test_a_drainer_whose_task_cannot_go_on_passes_its_place_to_others(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    Presence("worker@here:1", 1).tell()
    task, other = submitted(principal), submitted(principal)
    for each in (task, other):
        task_advance(each.id)
    assert Task.objects.get(id=other.id).waits_since is not None
    monkeypatch.setattr(FanoutStrategy, "next", broken)
    assert drain(task.id, first=None) == 2
    assert Task.objects.get(id=other.id).waits_since is None
    long_ago(task)
    task_advance(task.id)
    report = task_replay(principal=principal, task_id=task.id)
    assert report.difference is not None, "the code that made the steps is there no more"


def test_a_run_that_ended_because_its_strategy_broke_is_replayed_up_to_there(principal: Principal) -> None:
    task = submitted(principal)
    task_advance(task.id)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FanoutStrategy, "next", broken)
        drain(task.id, first=None)
        long_ago(task)
        task_advance(task.id)
    report = task_replay(principal=principal, task_id=task.id)
    assert (report.difference, report.decisions) == (None, 1)
