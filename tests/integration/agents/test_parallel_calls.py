"""The tool calls of one turn: made at the same time, each with its own place in the journal and its own record."""

import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import DjangoAssertNumQueries

from agents.context import StepContext
from agents.errors import OutcomeUnknown, StepWaits, TaskCancelled
from agents.fake_engine import FakeStepEngine
from agents.journal import Journal
from agents.models import JournalEntry
from agents.tools.base import Tool, ToolContext, ToolOutput
from agents.tools.builtin.calculator import CalculatorTool
from agents.tools.builtin.current_time import CurrentTimeTool
from agents.tools.calling import AskedCall, tool_call, tool_calls
from agents.types import ApprovalAnswer, ToolResult, UnknownOutcome
from policy.types import Principal
from shannon_project.foundation.errors import Unavailable
from tests.integration.agents.steps import engine_of, next_attempt, step_of

PATIENCE_SECONDS = 120.0


def asks(*expressions: str) -> list[AskedCall]:
    return [AskedCall("calculator", json.dumps({"expression": each})) for each in expressions]


def turn(ctx: StepContext, asked: list[AskedCall]) -> list[ToolResult]:
    return tool_calls(ctx, Journal(ctx), asked)


def results(made: list[ToolResult]) -> list[Any]:
    return [result.error.code if result.error else result.output for result in made]


def places() -> list[tuple[int, str, str, str]]:
    return list(JournalEntry.objects.order_by("position").values_list("position", "kind", "key", "status"))


class Bench:
    """Stands in for the calculator's work: notes what it is asked, and does what a test wants for an expression."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[str] = []
        self.wants: dict[str, Any] = {}
        monkeypatch.setattr(CalculatorTool, "execute", self._execute)

    def _execute(self, _ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        expression = arguments["expression"]
        self.made.append(expression)
        wanted = self.wants.get(expression)
        if callable(wanted):
            wanted()
        elif wanted is not None:
            raise wanted
        return ToolOutput(f"={expression}")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def needs_a_person(monkeypatch: pytest.MonkeyPatch, *expressions: str) -> None:
    """Have the policies want a person for these expressions only."""
    from agents.approvals import Permit  # noqa: PLC0415 - beside what it replaces

    decide = Permit.decide

    def asking(permit: Permit, resource: Mapping[str, Any], *, asked_by_tool: bool = False) -> Any:
        wanted = resource["arguments"].get("expression") in expressions
        return decide(permit, resource, asked_by_tool=asked_by_tool or wanted)

    monkeypatch.setattr(Permit, "decide", asking)


def says(ctx: StepContext, position: int, *, approved: bool, **more: Any) -> None:
    engine_of(ctx).answers[position] = ApprovalAnswer(uuid4(), approved=approved, decided_by="user:boss", **more)


def test_independent_calls_are_made_at_the_same_time(principal: Principal, bench: Bench) -> None:
    everybody = threading.Barrier(3)
    bench.wants = {each: lambda: everybody.wait(PATIENCE_SECONDS) for each in ("1", "2", "3")}
    assert results(turn(step_of(principal), asks("1", "2", "3"))) == ["=1", "=2", "=3"]


def test_places_and_results_are_in_the_order_of_the_calls_whichever_ends_first(
    principal: Principal, bench: Bench
) -> None:
    last_is_done = threading.Event()
    bench.wants = {"1": lambda: last_is_done.wait(PATIENCE_SECONDS), "2": last_is_done.set}
    ctx = step_of(principal)
    assert results(turn(ctx, asks("1", "2"))) == ["=1", "=2"]
    events = [(event.kind, event.payload["position"]) for event in engine_of(ctx).events]
    assert events[:2] == [("TOOL_INVOKED", 0), ("TOOL_INVOKED", 1)]
    assert set(events[2:]) == {("TOOL_OBSERVATION", 0), ("TOOL_OBSERVATION", 1)}
    assert [place[3] for place in places()] == ["finished"] * 2


def test_a_recorded_turn_is_not_made_again(principal: Principal, bench: Bench) -> None:
    ctx = step_of(principal)
    first = turn(ctx, asks("1", "2", "3"))
    events = len(engine_of(ctx).events)
    assert turn(next_attempt(ctx), asks("1", "2", "3")) == first
    assert (sorted(bench.made), len(engine_of(ctx).events)) == (["1", "2", "3"], events)


@pytest.mark.parametrize("done", [1, 2, 3])
def test_a_turn_that_was_made_one_call_after_another_goes_on(principal: Principal, bench: Bench, done: int) -> None:
    ctx = step_of(principal)
    journal = Journal(ctx)
    for each in asks("1", "2", "3")[:done]:
        tool_call(ctx, journal, each.name, each.arguments)
    assert results(turn(next_attempt(ctx), asks("1", "2", "3"))) == ["=1", "=2", "=3"]
    assert sorted(bench.made) == ["1", "2", "3"]
    assert [place[0] for place in places()] == [0, 1, 2]


def test_an_old_turn_that_waited_for_a_person_in_its_middle_goes_on(
    principal: Principal, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_a_person(monkeypatch, "2")
    ctx = step_of(principal)
    journal = Journal(ctx)
    first, second, _ = asks("1", "2", "3")
    tool_call(ctx, journal, first.name, first.arguments)
    with pytest.raises(StepWaits):
        tool_call(ctx, journal, second.name, second.arguments)
    says(ctx, 1, approved=True)
    assert results(turn(next_attempt(ctx), asks("1", "2", "3"))) == ["=1", "=2", "=3"]
    assert sorted(bench.made) == ["1", "2", "3"]
    assert [(place[0], place[1]) for place in places()] == [(0, "tool"), (1, "approval"), (2, "tool"), (3, "tool")]


def test_while_a_person_is_asked_about_one_call_the_others_are_made(
    principal: Principal, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_a_person(monkeypatch, "2")
    ctx = step_of(principal)
    for attempt in (ctx, next_attempt(ctx)):
        with pytest.raises(StepWaits):
            turn(attempt, asks("1", "2", "3"))
        assert sorted(bench.made) == ["1", "3"]
    assert list(engine_of(ctx).asked) == [1]
    says(ctx, 1, approved=True, feedback="go on", modified_action={"arguments": {"expression": "9"}})
    made = turn(next_attempt(ctx), asks("1", "2", "3"))
    assert results(made) == ["=1", "=9", "=3"]
    assert 'changed the arguments to {"expression": "9"}' in made[1].note
    assert bench.made[2:] == ["9"]
    assert turn(next_attempt(ctx), asks("1", "2", "3")) == made


def test_several_questions_are_put_at_once_and_a_denial_is_one_calls_own(
    principal: Principal, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_a_person(monkeypatch, "1", "3")
    ctx = step_of(principal)
    with pytest.raises(StepWaits):
        turn(ctx, asks("1", "2", "3"))
    assert list(engine_of(ctx).asked) == [0, 3]
    says(ctx, 3, approved=False)
    with pytest.raises(StepWaits):
        turn(next_attempt(ctx), asks("1", "2", "3"))
    says(ctx, 0, approved=True)
    made = turn(next_attempt(ctx), asks("1", "2", "3"))
    assert results(made) == ["=1", "=2", "APPROVAL_DENIED"]
    assert bench.made == ["2", "1"]
    assert turn(next_attempt(ctx), asks("1", "2", "3")) == made


class Crash(BaseException):
    """The process died here."""


def test_a_call_that_may_not_be_repeated_stops_the_step_and_the_others_stay_recorded(
    principal: Principal, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CalculatorTool, "idempotent", False)
    bench.wants = {"2": Crash()}
    ctx = step_of(principal)
    with pytest.raises(Crash):
        turn(ctx, asks("1", "2", "3"))
    assert [place[3] for place in places()] == ["finished", "started", "finished"]
    with pytest.raises(OutcomeUnknown):
        turn(next_attempt(ctx), asks("1", "2", "3"))
    assert sorted(bench.made) == ["1", "2", "3"]
    monkeypatch.setattr(CalculatorTool, "unknown_outcome", UnknownOutcome.RETRY)
    bench.wants = {}
    assert results(turn(next_attempt(ctx), asks("1", "2", "3"))) == ["=1", "=2", "=3"]
    assert bench.made.count("2") == 2
    assert len(bench.made) == 4


def test_a_person_who_is_asked_whether_to_repeat_one_does_not_hold_up_the_others(
    principal: Principal, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CalculatorTool, "idempotent", False)
    monkeypatch.setattr(CalculatorTool, "unknown_outcome", UnknownOutcome.ASK)
    ctx = step_of(principal)
    bench.wants = {"1": Crash(), "2": Unavailable()}
    with pytest.raises(Crash):
        turn(ctx, asks("1", "2"))
    bench.wants = {}
    with pytest.raises(StepWaits):
        turn(next_attempt(ctx), asks("1", "2"))
    assert [place[3] for place in places()] == ["started", "finished"]
    says(ctx, 0, approved=True)
    assert results(turn(next_attempt(ctx), asks("1", "2"))) == ["=1", "=2"]


def test_a_passing_failure_of_one_is_tried_again_and_the_others_are_not(principal: Principal, bench: Bench) -> None:
    bench.wants = {"1": Unavailable()}
    ctx = step_of(principal)
    with pytest.raises(Unavailable):
        turn(ctx, asks("1", "2", "3"))
    assert [place[3] for place in places()] == ["failed", "finished", "finished"]
    bench.wants = {}
    assert results(turn(next_attempt(ctx), asks("1", "2", "3"))) == ["=1", "=2", "=3"]
    assert sorted(bench.made) == ["1", "1", "2", "3"]


def test_nothing_begins_in_a_step_that_must_not_go_on(principal: Principal, bench: Bench) -> None:
    ctx = step_of(principal)
    stopped = replace(ctx, engine=FakeStepEngine(uses_database=True, cancel_at_checkpoint=2))
    with pytest.raises(TaskCancelled):
        turn(stopped, asks("1", "2", "3"))
    assert (bench.made, places()) == ([], [])


def test_calls_that_fail_in_different_ways_are_told_apart(principal: Principal, bench: Bench) -> None:
    bench.wants = {"3": AttributeError("a defect")}
    asked = [*asks("1", "", "3"), AskedCall("nope", "{}"), AskedCall("calculator", "{")]
    made = turn(step_of(principal), asked)
    assert results(made) == ["=1", "TOOL_INPUT_INVALID", "TOOL_BROKE", "TOOL_NOT_FOUND", "TOOL_INPUT_INVALID"]


def test_a_file_is_written_before_a_later_call_of_the_turn_reads_it(principal: Principal) -> None:
    ctx = step_of(principal)
    wanted = [("file_write", {"path": "a.txt", "content": str(number)}) for number in range(4)]
    wanted.append(("file_read", {"path": "a.txt"}))
    made = turn(ctx, [AskedCall(name, json.dumps(arguments)) for name, arguments in wanted])
    assert isinstance(made[-1].output, dict)
    assert made[-1].output["text"] == "3"


def test_no_more_calls_are_under_way_than_the_setting_allows(principal: Principal, bench: Bench, settings: Any) -> None:
    settings.SHANNON_TOOL_CALLS_AT_ONCE = 2
    lock, now, most = threading.Lock(), [0], [0]

    def count() -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        threading.Event().wait(0.01)
        with lock:
            now[0] -= 1

    expressions = [str(number) for number in range(6)]
    bench.wants = dict.fromkeys(expressions, count)
    assert results(turn(step_of(principal), asks(*expressions))) == [f"={each}" for each in expressions]
    assert most[0] <= 2


@pytest.mark.usefixtures("_policies_stay")
def test_three_calls_at_once_begin_in_one_transaction(
    principal: Principal, bench: Bench, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ctx = step_of(principal)
    journal = Journal(ctx)
    tool_calls(ctx, journal, asks("0"))  # the process compiles its policies once
    with django_assert_num_queries(12):  # one start and three ends, each a savepoint, a write and its release
        tool_calls(ctx, journal, asks("1", "2", "3"))
    assert len(bench.made) == 4


def test_a_call_sees_the_log_context_of_its_step(principal: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    from structlog.contextvars import bound_contextvars, get_contextvars  # noqa: PLC0415 - only here

    seen: list[Any] = []

    def execute(_: Tool, __: ToolContext, ___: Mapping[str, Any]) -> ToolOutput:
        seen.append(get_contextvars().get("step_key"))
        return ToolOutput("ok")

    monkeypatch.setattr(CurrentTimeTool, "execute", execute)
    with bound_contextvars(step_key="agent-1"):
        turn(step_of(principal), [AskedCall("current_time", "{}")] * 2)
    assert seen == ["agent-1"] * 2
