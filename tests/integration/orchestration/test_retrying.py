"""Steps that fail in passing or take too long: how often they are tried, when again, and what is told of it."""

import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db.models import F
from django.db.models.functions import Now
from pytest_django import Settings

from agents.models import JournalEntry
from agents.tools.base import ToolOutput
from agents.tools.builtin.calculator import CalculatorTool
from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.engine.retries import deadline_seconds
from orchestration.models import Event, Step, Task
from orchestration.services import task_submit, tool_execute
from orchestration.types import StepStatus, TaskRequest, TaskStatus
from policy.types import Principal
from shannon_project.foundation.errors import ShannonError, Unavailable
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)


class Passing:
    """A tool's execution that fails some times, then answers."""

    def __init__(self, *errors: ShannonError) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self, *_: Any) -> ToolOutput:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return ToolOutput({"call": self.calls})


@pytest.fixture(autouse=True)
def _no_pauses(settings: Settings) -> None:
    settings.SHANNON_STEP_RETRY_BASE_SECONDS = 0.0


def called(principal: Principal, monkeypatch: pytest.MonkeyPatch, tool: Passing) -> UUID:
    """Submit one call of a tool and make its step."""
    monkeypatch.setattr(CalculatorTool, "execute", tool)
    task_id = tool_execute(
        principal=principal, name="calculator", arguments={"expression": "1"}, session_id=None
    ).task.id
    task_advance(task_id)
    return task_id


def test_each_attempt_is_told_with_its_reason(principal: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = Passing(Unavailable("Not now."), Unavailable("Nor now."))
    task = play(called(principal, monkeypatch, tool))
    assert (task.status, tool.calls) == (TaskStatus.COMPLETED, 3)
    told = Event.objects.filter(task=task, kind="ERROR_RECOVERY").order_by("seq").values_list("payload", flat=True)
    assert [(told["attempt"], told["failures"], told["max_attempts"]) for told in told] == [(1, 1, 3), (2, 2, 3)]
    assert [told["error"]["message"] for told in told] == ["Not now.", "Nor now."]
    assert {told["error"]["code"] for told in told} == {"UNAVAILABLE"}
    step = Step.objects.get(task=task)
    assert (step.attempt, step.failures) == (3, 2)


def test_a_step_that_fails_at_every_attempt_fails_for_good_and_says_why(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = Passing(*(Unavailable(f"No. {number}") for number in range(1, 9)))
    task = play(called(principal, monkeypatch, tool))
    assert (task.status, tool.calls) == (TaskStatus.FAILED, 3)
    told = Event.objects.get(task=task, kind="ERROR_OCCURRED", step_key="tool")
    assert (told.payload["error"]["message"], told.payload["attempt"]) == ("No. 3", 3)


def test_what_is_final_is_not_tried_again(principal: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = Passing(ShannonError("Never."))
    task = play(called(principal, monkeypatch, tool))
    assert (tool.calls, Step.objects.get(task=task).attempt) == (1, 1)
    assert not Event.objects.filter(task=task, kind="ERROR_RECOVERY").exists()


def test_nobody_takes_a_step_before_the_time_that_the_other_side_asked_for(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = Passing(Unavailable("Come back later.", details={"retry_after_seconds": 300.0}))
    task_id = called(principal, monkeypatch, tool)
    drain(task_id, first=None)
    waits = Step.objects.annotate(now=Now(), wait=F("not_before") - Now()).get(task_id=task_id)
    assert waits.status == StepStatus.READY
    assert timedelta(seconds=200) < waits.wait <= timedelta(seconds=300)
    task_advance(task_id)
    assert (drain(task_id, first=waits.id), tool.calls) == (0, 1)
    Step.objects.filter(task_id=task_id).update(not_before=Now())
    assert (play(task_id).status, tool.calls) == (TaskStatus.COMPLETED, 2)


class Clock:
    """The engine's clock, which a test may put forward."""

    def __init__(self) -> None:
        self.ahead_seconds = 0.0

    def monotonic(self) -> float:
        """Return the time that the engine sees."""
        return time.monotonic() + self.ahead_seconds


def test_a_step_that_runs_longer_than_its_kind_may_stops_at_its_next_boundary(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("orchestration.engine.step_engine.time", clock)

    def slow(*_: Any) -> ToolOutput:
        clock.ahead_seconds = deadline_seconds("agent") + 1.0
        return ToolOutput({"result": 391})

    monkeypatch.setattr(CalculatorTool, "execute", slow)
    task_id = task_submit(principal=principal, request=TaskRequest(query="What is 17 * 23?", mode="simple")).task.id
    task = play(task_id)
    assert (task.status, (task.error or {})["code"]) == (TaskStatus.FAILED, "STEP_DEADLINE_EXCEEDED")
    recorded = JournalEntry.objects.filter(task_id=task_id).order_by("position").values_list("kind", "status")
    assert list(recorded)[-2:] == [("model", "finished"), ("tool", "finished")], (
        "what was done is kept, no more is begun"
    )


def test_a_step_has_no_more_time_than_its_task(principal: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = Passing()
    task_id = called(principal, monkeypatch, tool)
    Task.objects.filter(id=task_id).update(deadline_at=Now() - timedelta(seconds=1))
    drain(task_id, first=None)
    step = Step.objects.get(task_id=task_id)
    assert (step.status, (step.error or {})["code"], tool.calls) == ("failed", "STEP_DEADLINE_EXCEEDED", 0)
