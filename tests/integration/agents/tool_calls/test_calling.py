"""One call of a tool: recorded, watched, bounded, and what becomes of one that fails."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import DjangoAssertNumQueries

from agents.errors import OutcomeUnknown
from agents.journal import Journal
from agents.models import JournalEntry
from agents.services import tool_call
from agents.tools.base import Tool, ToolContext, ToolOutput
from agents.tools.builtin.calculator import CalculatorTool
from policy.models import AuditEntry
from policy.types import Principal
from shannon_project.foundation.errors import Unavailable
from tests.integration.agents.steps import engine_of, next_attempt, step_of
from tests.integration.agents.tool_calls.calls import call, code_of, output_of
from tests.logs import logged


def test_a_call_is_recorded_and_watched(principal: Principal) -> None:
    ctx = step_of(principal)
    assert output_of(call(ctx, "calculator", expression="6 * 7")) == {"result": 42, "text": "42"}
    events = engine_of(ctx).events
    assert [event.kind for event in events] == ["TOOL_INVOKED", "TOOL_OBSERVATION"]
    assert events[0].payload["arguments"] == {"expression": "6 * 7"}
    assert events[1].payload["output"] == {"result": 42, "text": "42"}
    entry = JournalEntry.objects.get()
    assert (entry.kind, entry.key, entry.status, entry.task_id) == ("tool", "calculator", "finished", ctx.task_id)


def test_a_recorded_call_is_not_made_again(principal: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = step_of(principal)
    first = call(ctx, "calculator", expression="1 + 1")
    monkeypatch.setattr(CalculatorTool, "execute", lambda *_: pytest.fail("the tool ran again"))
    assert call(next_attempt(ctx), "calculator", expression="1 + 1") == first
    assert len(engine_of(ctx).events) == 2


@pytest.mark.usefixtures("_policies_stay")
def test_a_fresh_call_costs_six_queries(
    principal: Principal, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ctx = step_of(principal)
    call(ctx, "calculator", expression="1")  # the process compiles its policies once
    journal = Journal(next_attempt(ctx))
    call(ctx, "calculator", journal, expression="1")
    with django_assert_num_queries(6):  # twice a savepoint, a write and its release; none for the policy
        call(ctx, "calculator", journal, expression="2")


@pytest.mark.parametrize(
    ("name", "text", "code", "final"),
    [
        ("calculator", "{", "TOOL_INPUT_INVALID", False),
        ("calculator", "[]", "TOOL_INPUT_INVALID", False),
        ("calculator", "{}", "TOOL_INPUT_INVALID", False),
        ("calculator", '{"expression": "1 / 0"}', "TOOL_INPUT_INVALID", False),
        ("nope", "{}", "TOOL_NOT_FOUND", True),
        ("calculator", '{"expression": "1", "x": 1e400}', "TOOL_INPUT_INVALID", False),
        ("calculator", '{"expression": "1", "x": ' + "[" * 1500 + "]" * 1500 + "}", "TOOL_INPUT_INVALID", False),
        ("file_read", '{"path": "none.txt"}', "WORKSPACE_FILE_MISSING", False),
        ("file_read", '{"path": "../../etc/passwd"}', "WORKSPACE_PATH_INVALID", False),
    ],
)
def test_what_is_wrong_with_a_call_is_told_to_the_model(
    principal: Principal, name: str, text: str, code: str, final: bool
) -> None:
    ctx = step_of(principal)
    result = tool_call(ctx, Journal(ctx), name, text)
    assert code_of(result) == (code, final)
    assert tool_call(next_attempt(ctx), Journal(next_attempt(ctx)), name, text) == result
    assert engine_of(ctx).kinds() == ["TOOL_INVOKED", "TOOL_OBSERVATION"]


def test_a_tool_that_was_not_offered_does_not_exist(principal: Principal) -> None:
    ctx = step_of(principal)
    result = tool_call(ctx, Journal(ctx), "python", '{"code": "1"}', offered=("calculator",))
    assert code_of(result) == ("TOOL_NOT_FOUND", True)


def test_a_denied_call_is_a_final_error_and_an_audit_entry(principal: Principal) -> None:
    ctx = step_of(Principal(principal.tenant_id, "key:reader", "bob", frozenset({"tasks:read"})))
    result = call(ctx, "calculator", expression="1")
    assert code_of(result) == ("POLICY_DENIED", True)
    assert AuditEntry.objects.get(action="tool.call").actor == "key:reader"
    assert call(next_attempt(ctx), "calculator", expression="1") == result
    assert AuditEntry.objects.filter(action="tool.call").count() == 1


def test_a_tools_defect_is_told_to_the_model_and_logged(
    principal: Principal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> ToolOutput:
        raise AttributeError("a defect")

    monkeypatch.setattr(CalculatorTool, "execute", broken)
    ctx = step_of(principal)
    result = call(ctx, "calculator", expression="1")
    assert code_of(result) == ("TOOL_BROKE", True)
    assert [(entry["event"], entry["tool"]) for entry in logged(caplog, "agents.tools.call")] == [
        ("tool_broke", "calculator")
    ]
    assert call(next_attempt(ctx), "calculator", expression="1") == result


@pytest.mark.parametrize("output", [{"x": float("nan")}, {"x": object()}])
def test_an_output_that_is_no_json_is_a_tools_defect(
    principal: Principal, monkeypatch: pytest.MonkeyPatch, output: Any
) -> None:
    monkeypatch.setattr(CalculatorTool, "execute", lambda *_: ToolOutput(output))
    assert code_of(call(step_of(principal), "calculator", expression="1")) == ("TOOL_BROKE", True)


def test_a_defect_of_a_tool_that_may_not_run_twice_and_one_of_the_database_stop_the_step(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, idempotent in ((AttributeError("a defect"), False), (OperationalError("gone"), True)):

        def broken(*_: object, raised: Exception = error) -> ToolOutput:
            raise raised

        monkeypatch.setattr(CalculatorTool, "idempotent", idempotent)
        monkeypatch.setattr(CalculatorTool, "execute", broken)
        with pytest.raises(type(error)):
            call(step_of(principal), "calculator", expression="1")


def test_a_passing_failure_stops_the_step_and_is_tried_again(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = step_of(principal)

    def busy(*_: object) -> ToolOutput:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(CalculatorTool, "execute", busy)
        with pytest.raises(Unavailable):
            call(ctx, "calculator", expression="1")
    assert output_of(call(next_attempt(ctx), "calculator", expression="1"))["result"] == 1


class Crash(BaseException):
    """The process died here."""


def test_a_tool_that_may_not_run_twice_is_unknown_after_a_crash_even_when_denied_now(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = step_of(principal)

    def die(*_: object) -> ToolOutput:
        raise Crash

    monkeypatch.setattr(CalculatorTool, "idempotent", False)
    monkeypatch.setattr(CalculatorTool, "execute", die)
    with pytest.raises(Crash):
        call(ctx, "calculator", expression="1")
    denied = Principal(principal.tenant_id, "key:reader", "bob", frozenset({"tasks:read"}))
    for acting in (principal, denied):
        with pytest.raises(OutcomeUnknown):
            call(replace(next_attempt(ctx), principal=acting), "calculator", expression="1")


def test_a_large_output_is_bounded(principal: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = step_of(principal)
    monkeypatch.setattr(CalculatorTool, "execute", lambda *_: ToolOutput({"text": "x" * 300_000}))
    assert "[cut: 300000 characters in all;" in output_of(call(ctx, "calculator", expression="1"))["text"]


def test_what_the_model_thought_is_an_event(principal: Principal) -> None:
    ctx = step_of(principal)
    tool_call(ctx, Journal(ctx), "calculator", '{"expression": "1"}', thought="I add.")
    assert engine_of(ctx).kinds() == ["AGENT_THINKING", "TOOL_INVOKED", "TOOL_OBSERVATION"]


def test_a_tool_is_told_how_much_time_is_left(principal: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[ToolContext] = []

    def execute(_: Tool, ctx: ToolContext, __: Mapping[str, Any]) -> ToolOutput:
        given.append(ctx)
        return ToolOutput("ok")

    monkeypatch.setattr(CalculatorTool, "execute", execute)
    call(step_of(principal), "calculator", expression="1")
    assert given[0].timeout_seconds == CalculatorTool.timeout_seconds
