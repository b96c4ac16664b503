"""The demo's picture of a run, built from events alone."""

from decimal import Decimal
from io import StringIO
from typing import Any

from rich.console import Console

from shannon_project.demo.client import StreamEvent, events_of
from shannon_project.demo.run import Run, StepState
from shannon_project.demo.view import run_show, run_tree


def event(name: str, step_key: str = "", second: int = 0, **payload: Any) -> StreamEvent:
    data = {"step_key": step_key, "payload": payload, "timestamp": f"2026-01-01T00:00:{second:02}+00:00"}
    return StreamEvent(name, {**data, "message": f"{name} of {step_key}"}, seq=1)


def a_run() -> list[StreamEvent]:
    usage = {"total_tokens": 30, "cost_usd": "0.0003", "model_calls": 1, "tool_calls": 1}
    return [
        event("WORKFLOW_STARTED"),
        event("DELEGATION", steps=[{"step_key": "s1", "title": "MSFT"}, {"step_key": "s2", "title": "IBM"}]),
        event("AGENT_STARTED", "s1", 1, title="MSFT", kind="agent"),
        event("LLM_PROMPT", "s1", 1, model="offline/small"),
        event("thread.message.completed", "s1", 2, prompt_tokens=10, completion_tokens=5, cost_usd="0.0001"),
        event("TOOL_INVOKED", "s1", 2, tool="python"),
        event("TOOL_OBSERVATION", "s1", 3, tool="python", ok=True),
        event("AGENT_COMPLETED", "s1", 4, usage=usage, duration_ms=3000),
        event("error", "s2", 5, title="IBM"),
        event("thread.message.completed", "", 6, is_final=True, response="42"),
        event("WORKFLOW_COMPLETED", "", 6),
        StreamEvent("done", {"value": "[DONE]"}, seq=11),
    ]


def test_events_build_the_run() -> None:
    run = Run("t")
    for item in a_run():
        run.apply(item)
    assert [(step.title, step.state) for step in run.steps.values()] == [
        ("MSFT", StepState.DONE),
        ("IBM", StepState.FAILED),
    ]
    step = run.steps["s1"]
    assert (step.tokens, step.cost_usd, step.seconds) == (30, Decimal("0.0003"), 3.0)
    assert [(tool.name, tool.ok) for tool in step.tools] == [("python", True)]
    assert run.answer == "42"
    assert run.is_over


def test_an_unknown_price_makes_the_sum_unknown() -> None:
    run = Run("t")
    run.apply(event("AGENT_COMPLETED", "s1", usage={"total_tokens": 1, "cost_usd": None}))
    run.apply(event("AGENT_COMPLETED", "s2", usage={"total_tokens": 1, "cost_usd": "1"}))
    assert run.cost_usd is None


def test_an_event_of_a_kind_nobody_knows_changes_nothing() -> None:
    run = Run("t")
    run.apply(event("SOMETHING_NEW", "s1"))
    assert run.steps["s1"].state is StepState.WAITING


def test_elsewhere_than_on_a_terminal_each_change_is_one_line() -> None:
    out = StringIO()
    run_show(Run("t"), a_run(), Console(file=out, force_terminal=False, width=200))
    lines = [line.split("s  ", 1)[1] for line in out.getvalue().splitlines()]
    assert lines == [
        "running MSFT",
        "done    MSFT  3.0 s  30 tokens  $0.0003  tools: python",
        "failed  IBM  error of s2",
    ]


def test_the_tree_shows_steps_and_their_tools() -> None:
    run, out = Run("t"), StringIO()
    for item in a_run():
        run.apply(item)
    Console(file=out, force_terminal=True, width=120, color_system=None).print(run_tree(run))
    drawn = out.getvalue()
    assert "2/2 steps" in drawn
    assert "✔ MSFT  3.0 s  30 tokens  $0.0003" in drawn
    assert "✔ tool python" in drawn
    assert "✘ IBM" in drawn


def test_stream_lines_become_events() -> None:
    lines = [
        "retry: 1000",
        ": hello",
        "",
        "id: 7",
        "event: A",
        'data: {"x":',
        "data: 1}",
        "",
        "event: done",
        "data: [DONE]",
        "",
    ]
    assert list(events_of(lines)) == [
        StreamEvent("A", {"x": 1}, 7),
        StreamEvent("done", {"value": "[DONE]"}, None),
    ]
