"""Limits of calls a minute, and answers that are given again: shared by workers, apart for tenants, and shown."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from agents.context import StepContext
from agents.errors import StepWaits, TaskCancelled
from agents.journal import Journal
from agents.services import tool_call
from agents.tools import results
from agents.tools.base import Tool, ToolContext, ToolOutput
from agents.tools.builtin.current_time import CurrentTimeTool
from agents.tools.builtin.file_read import FileReadTool
from agents.tools.builtin.file_write import FileWriteTool
from agents.tools.builtin.http_fetch import HttpFetchTool
from agents.tools.builtin.memory_search import MemorySearchTool
from agents.tools.builtin.python import PythonTool
from agents.types import ToolError, ToolResult
from policy.services import rate_limits, use_admit
from policy.types import Principal
from shannon_project.foundation.ids import uuid7
from tests.integration.agents.steps import engine_of, step_of

ZONE = {"time_zone": "Asia/Tokyo"}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, Any]]:
    """What the tool was really asked."""
    asked: list[Mapping[str, Any]] = []

    def execute(_: Tool, __: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        asked.append(arguments)
        return ToolOutput({"number": len(asked)})

    monkeypatch.setattr(CurrentTimeTool, "execute", execute)
    return asked


@pytest.fixture(autouse=True)
def _this_settings_server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Clients are kept for the process: another test's go. A busy machine is not taken for a server that is away."""
    settings.SHANNON_TOOL_RATE_WAIT_SECONDS = 0.0
    monkeypatch.setattr(rate_limits, "SERVER_TIMEOUT_SECONDS", 20.0)
    monkeypatch.setattr(results, "_SERVER_TIMEOUT_SECONDS", 20.0)
    rate_limits._away._until_seconds = 0.0
    for kept in (results._client, rate_limits._script):
        kept.cache_clear()
    yield
    for kept in (results._client, rate_limits._script):
        kept.cache_clear()
    rate_limits._away._until_seconds = 0.0


def call(ctx: StepContext, **arguments: Any) -> ToolResult:
    fresh = replace(ctx, step_id=uuid7())
    return tool_call(fresh, Journal(fresh), "current_time", json.dumps(arguments))


def limited(settings: Any, **limits: Any) -> None:
    settings.SHANNON_TOOL_LIMITS = {"current_time": limits}


def observed(ctx: StepContext) -> list[Mapping[str, Any]]:
    return [event.payload for event in engine_of(ctx).events if event.kind == "TOOL_OBSERVATION"]


def test_a_tenant_calls_a_tool_so_often_a_minute_and_another_one_is_not_concerned(
    principal: Principal, stranger: Principal, settings: Any, made: list[Any]
) -> None:
    limited(settings, calls_per_minute=2)
    ctx = step_of(principal)
    outcomes = [call(ctx, **ZONE) for _ in range(3)]
    assert [outcome.ok for outcome in outcomes] == [True, True, False]
    error = outcomes[2].error
    assert error is not None
    assert (error.code, error.final, error.details["limit_per_minute"]) == ("TOOL_RATE_LIMITED", False, 2)
    assert 1 <= error.details["retry_after_seconds"] <= 120
    assert observed(ctx)[2]["error"]["code"] == "TOOL_RATE_LIMITED"
    assert call(step_of(stranger), **ZONE).ok
    assert len(made) == 3


def test_a_call_waits_for_its_turn_if_that_comes_soon_and_the_event_says_so(
    principal: Principal, settings: Any, made: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(settings, calls_per_minute=1)
    settings.SHANNON_TOOL_RATE_WAIT_SECONDS = 5.0
    answers = iter([1, 0])
    monkeypatch.setattr("agents.tools.rates.use_admit", lambda **_: next(answers))
    ctx = step_of(principal)
    assert call(ctx, **ZONE).ok
    assert observed(ctx)[0]["waited_ms"] == 1000
    assert len(made) == 1


def test_no_use_at_all_is_a_limit_too(principal: Principal, settings: Any, made: list[Any]) -> None:
    limited(settings, calls_per_minute=0)
    assert not call(step_of(principal), **ZONE).ok
    assert made == []


def test_without_the_counter_everybody_may(principal: Principal, settings: Any, made: list[Any]) -> None:
    limited(settings, calls_per_minute=1)
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    ctx = step_of(principal)
    assert [call(ctx, **ZONE).ok for _ in range(3)] == [True] * 3
    assert use_admit(tenant_id=principal.tenant_id, what="tool:x", limit_per_minute=1) == 0
    assert len(made) == 3


def test_the_same_question_of_a_tenant_is_answered_again(
    principal: Principal, stranger: Principal, settings: Any, made: list[Any]
) -> None:
    limited(settings, cache_seconds=60, calls_per_minute=2)
    ctx = step_of(principal)
    first, again = call(ctx, **ZONE), call(ctx, **ZONE)
    assert (first.output, again.output) == ({"number": 1}, {"number": 1})
    assert [payload.get("cached") for payload in observed(ctx)] == [None, True]
    assert call(ctx, time_zone="Europe/Paris").output == {"number": 2}
    assert call(step_of(stranger), **ZONE).output == {"number": 3}
    assert call(step_of(principal), **ZONE).output == {"number": 1}  # nor does it count against the limit
    assert len(made) == 3


@pytest.mark.parametrize("attribute", ["dangerous", "requires_approval"])
def test_an_answer_of_a_call_that_changes_something_or_needs_a_person_is_never_given_again(
    principal: Principal, settings: Any, monkeypatch: pytest.MonkeyPatch, made: list[Any], attribute: str
) -> None:
    limited(settings, cache_seconds=60)
    ctx = step_of(principal)
    assert call(ctx, **ZONE).ok
    monkeypatch.setattr(CurrentTimeTool, attribute, True)
    assert CurrentTimeTool().kept_seconds() == 0
    if attribute == "requires_approval":
        with pytest.raises(StepWaits):
            call(ctx, **ZONE)
    else:
        assert call(ctx, **ZONE).error is not None  # the key has no scope for it, and the cache is not asked
    assert len(made) == 1


@pytest.mark.parametrize("tool", [FileReadTool(), MemorySearchTool(), PythonTool(), FileWriteTool()])
def test_what_depends_on_more_than_its_arguments_is_never_given_again(settings: Any, tool: Tool) -> None:
    settings.SHANNON_TOOL_LIMITS = {tool.name: {"cache_seconds": 60}}
    assert tool.kept_seconds() == 0


def test_the_wait_for_its_turn_is_part_of_a_calls_time_and_ends_with_its_task(
    principal: Principal, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(settings, calls_per_minute=1)
    given: list[float] = []

    def execute(_: Tool, ctx: ToolContext, __: Mapping[str, Any]) -> ToolOutput:
        given.append(ctx.timeout_seconds)
        return ToolOutput("fine")

    monkeypatch.setattr(CurrentTimeTool, "execute", execute)
    monkeypatch.setattr("agents.tools.call.turn_take", lambda *_, **__: (0.5, None))
    ctx = step_of(principal)
    assert call(ctx, **ZONE).ok
    assert given == [CurrentTimeTool.timeout_seconds - 0.5]
    engine_of(ctx).cancel_at_checkpoint = engine_of(ctx).checkpoints + 2  # the one after the wait
    with pytest.raises(TaskCancelled):
        call(ctx, **ZONE)
    assert len(given) == 1


def test_a_failure_and_an_error_page_are_not_kept(
    principal: Principal, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(settings, cache_seconds=60)
    failed = ToolOutput(error=ToolError("X", "no", final=True))
    monkeypatch.setattr(CurrentTimeTool, "execute", lambda *_: failed)
    ctx = step_of(principal)
    assert not call(ctx, **ZONE).ok
    monkeypatch.setattr(CurrentTimeTool, "execute", lambda *_: ToolOutput("fine"))
    assert call(ctx, **ZONE).output == "fine"
    fetch = HttpFetchTool()
    assert fetch.is_lasting({"status": 200})
    assert not fetch.is_lasting({"status": 503})


def test_a_cache_that_is_away_or_too_small_is_a_miss(principal: Principal, settings: Any, made: list[Any]) -> None:
    limited(settings, cache_seconds=60)
    settings.SHANNON_TOOL_CACHE_MAX_BYTES = 4
    ctx = step_of(principal)
    assert [call(ctx, **ZONE).output for _ in range(2)] == [{"number": 1}, {"number": 2}]
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    results._client.cache_clear()
    assert call(ctx, **ZONE).output == {"number": 3}
    assert len(made) == 3
