"""A worker that leaves in time, and calls that never return."""

import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from pytest_django import Settings

from agents.models import JournalEntry
from agents.tools.base import ToolOutput
from agents.tools.builtin.calculator import CalculatorTool
from orchestration.engine.advance import task_advance
from orchestration.engine.departure import leftover_hand_back
from orchestration.engine.drain import drain
from orchestration.engine.lease import KEEPER
from orchestration.engine.recover import recover
from orchestration.engine.stopping import STOPPING
from orchestration.models import Event, Step, Task
from orchestration.services import fanout_submit, task_submit, tool_execute
from orchestration.types import TaskRequest
from policy.types import Principal
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_SECONDS = 120.0


@pytest.fixture(autouse=True)
def _nobody_stops() -> Iterator[None]:
    """Every test begins and ends with a process that stays."""
    STOPPING.forget()
    yield
    STOPPING.forget()


class Gate:
    """A tool's execution that tells that it has begun and returns when it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.released = threading.Event()
        self.calls = 0

    def __call__(self, *_: Any) -> ToolOutput:
        """Hang in the first call only."""
        self.calls += 1
        if self.calls == 1:
            self.begun.set()
            assert self.released.wait(PATIENCE_SECONDS)
        return ToolOutput({"call": self.calls})


def in_thread(act: Callable[[], object]) -> threading.Thread:
    """Run something as a worker's thread does."""

    def run() -> None:
        try:
            act()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition."""
    pause = threading.Event()
    for _ in range(int(PATIENCE_SECONDS / 0.02)):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError(f"not in time: {what}")


def calculation(principal: Principal) -> UUID:
    """Submit one tool call and make its step."""
    arguments = {"expression": "1"}
    task_id = tool_execute(principal=principal, name="calculator", arguments=arguments, session_id=None).task.id
    task_advance(task_id)
    return task_id


def test_a_call_that_never_returns_is_given_up_and_its_step_run_again(
    principal: Principal, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SHANNON_HEARTBEAT_SECONDS, settings.SHANNON_CALL_GRACE_SECONDS = 0.05, 0.1
    gate = Gate()
    monkeypatch.setattr(CalculatorTool, "execute", gate)
    monkeypatch.setattr(CalculatorTool, "timeout_seconds", 0.1)
    task_id = calculation(principal)
    stuck = in_thread(lambda: drain(task_id, first=None))
    until(lambda: KEEPER.hung_threads() == 1, "the call is given up")
    until(lambda: recover().steps == 1, "the step is taken back")
    task = play(task_id)
    step = Step.objects.get(task_id=task_id)
    assert (step.status, step.attempt, step.failures) == ("succeeded", 2, 1)
    told = Event.objects.get(task_id=task_id, kind="ERROR_RECOVERY")
    assert told.payload["code"] == "CALL_ABANDONED"
    assert "its call hung" in told.message
    gate.released.set()
    stuck.join()
    assert KEEPER.hung_threads() == 0  # its thread is free again
    assert gate.calls == 2
    (recorded,) = JournalEntry.objects.filter(task_id=task_id).values_list("attempt", "response__output__call")
    assert recorded == (2, 2)
    assert Task.objects.get(id=task_id).event_seq == task.event_seq


def test_a_call_that_may_not_be_repeated_is_not_repeated_when_it_hung(
    principal: Principal, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SHANNON_HEARTBEAT_SECONDS, settings.SHANNON_CALL_GRACE_SECONDS = 0.05, 0.1
    gate = Gate()
    monkeypatch.setattr(CalculatorTool, "execute", gate)
    monkeypatch.setattr(CalculatorTool, "timeout_seconds", 0.1)
    monkeypatch.setattr(CalculatorTool, "idempotent", False)
    task_id = calculation(principal)
    stuck = in_thread(lambda: drain(task_id, first=None))
    until(lambda: KEEPER.hung_threads() == 1, "the call is given up")
    until(lambda: recover().steps == 1, "the step is taken back")
    task = play(task_id)
    gate.released.set()
    stuck.join()
    assert gate.calls == 1
    assert task.error is not None
    assert task.error["code"] == "OUTCOME_UNKNOWN"


def test_a_worker_that_stops_claims_nothing_and_tells_others(principal: Principal) -> None:
    task_id = fanout_submit(principal=principal, width=5, concurrency_limit=2).id
    task_advance(task_id)
    STOPPING.begin()
    assert drain(task_id, first=None) == 0
    assert set(Step.objects.values_list("status", "attempt")) == {("ready", 0)}


def test_a_step_at_work_ends_when_it_ends_in_time(
    principal: Principal, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SHANNON_SHUTDOWN_GRACE_SECONDS = 600.0
    gate = Gate()
    monkeypatch.setattr(CalculatorTool, "execute", gate)
    task_id = calculation(principal)
    worker = in_thread(lambda: drain(task_id, first=None))
    assert gate.begun.wait(PATIENCE_SECONDS)
    STOPPING.begin()
    gate.released.set()
    worker.join()
    assert KEEPER.held() == []
    step = Step.objects.get(task_id=task_id)
    assert (step.status, step.attempt, gate.calls) == ("succeeded", 1, 1)


def test_a_step_is_handed_back_at_its_next_call_and_repeats_nothing(
    principal: Principal, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SHANNON_SHUTDOWN_GRACE_SECONDS = 0.001  # so its first half is over at once
    begun: list[Any] = []
    calculate = CalculatorTool.execute

    def execute(tool: CalculatorTool, *arguments: Any) -> ToolOutput:
        begun.append(arguments[1])
        STOPPING.begin()
        return calculate(tool, *arguments)

    monkeypatch.setattr(CalculatorTool, "execute", execute)
    task_id = task_submit(principal=principal, request=TaskRequest(query="What is 17 * 23?", mode="simple")).task.id
    task_advance(task_id)
    drain(task_id, first=None)
    step = Step.objects.get(task_id=task_id, kind="agent")
    assert (step.status, step.attempt, step.failures, step.lease_owner) == ("ready", 1, 0, "")
    recorded = list(JournalEntry.objects.filter(step_id=step.id).order_by("position").values_list("kind", "attempt"))
    STOPPING.forget()
    monkeypatch.setattr(STOPPING, "begin", lambda: None)
    task = play(task_id)
    assert task.result is not None
    assert "391" in task.result
    after = list(JournalEntry.objects.filter(step_id=step.id).order_by("position").values_list("kind", "attempt"))
    assert after[: len(recorded)] == recorded
    assert len(begun) == 1


def test_what_is_still_in_a_call_when_the_time_is_over_is_handed_back(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    monkeypatch.setattr(CalculatorTool, "execute", gate)
    task_id = calculation(principal)
    worker = in_thread(lambda: drain(task_id, first=None))
    assert gate.begun.wait(PATIENCE_SECONDS)
    STOPPING.begin()
    assert leftover_hand_back() == 1
    step = Step.objects.get(task_id=task_id)
    assert (step.status, step.failures, step.lease_owner) == ("ready", 0, "")
    gate.released.set()
    worker.join()
    STOPPING.forget()
    assert play(task_id).result is not None
    assert Step.objects.get(task_id=task_id).attempt == 2
