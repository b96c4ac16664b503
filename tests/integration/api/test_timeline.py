"""The timeline endpoint: a run as a tree, bounded, with the same number of queries however long it was."""

from typing import Any

import pytest

from orchestration.models import Task
from orchestration.services import tool_execute
from tests.integration.api.callers import Caller, error_of
from tests.integration.orchestration.playing import play

pytestmark = pytest.mark.django_db(transaction=True)

PARTS = "1. What is 17 * 3?\n2. What is 100 / 8?"


@pytest.fixture
def task(caller: Caller) -> Task:
    """A planned run that has ended."""
    return play(caller.submit(PARTS, mode="standard").id)


def timeline(caller: Caller, task: Task, **query: Any) -> dict[str, Any]:
    answer: dict[str, Any] = caller.client.get(f"/api/v1/tasks/{task.id}/timeline", query).json()
    return answer


def test_a_summary_adds_up_to_the_run(caller: Caller, task: Task) -> None:
    told = timeline(caller, task)
    assert (told["status"], told["mode"], told["total_steps"]) == ("COMPLETED", "summary", 4)
    assert [step["step_key"] for step in told["steps"]] == ["plan", "agent-s1", "agent-s2", "synthesize"]
    assert sum(step["usage"]["total_tokens"] for step in told["steps"]) == told["usage"]["total_tokens"] > 0
    assert told["duration_ms"] > 0
    agent = told["steps"][1]
    assert (agent["effects"]["model"], agent["effects"]["tool"], agent["attempt"]) == (2, 1, 1)
    assert agent["duration_ms"] >= 0
    assert "entries" not in agent


def test_the_full_timeline_has_attempts_effects_and_payloads_on_demand(caller: Caller, task: Task) -> None:
    (_, agent, *_) = timeline(caller, task, mode="full")["steps"]
    assert [entry["position"] for entry in agent["entries"]] == list(range(len(agent["entries"])))
    (tool,) = [entry for entry in agent["entries"] if entry["kind"] == "tool"]
    assert (tool["key"], tool["status"], "request" in tool) == ("calculator", "finished", False)
    model = next(entry for entry in agent["entries"] if entry["kind"] == "model")
    assert model["usage"]["prompt_tokens"] > 0
    assert [attempt["event"] for attempt in agent["attempts"]] == ["AGENT_STARTED", "AGENT_COMPLETED"]
    whole = timeline(caller, task, mode="full", include_payloads="true")
    shown = next(entry for entry in whole["steps"][1]["entries"] if entry["kind"] == "tool")
    assert shown["request"]["arguments"] == {"expression": "17 * 3"}
    assert shown["response"]["output"]["result"] == 51


def test_large_payloads_are_shown_by_their_beginnings(caller: Caller, django_assert_num_queries: Any) -> None:
    text = "A long sentence. " * 9_000
    arguments = {"path": "long.txt", "content": text}
    task = tool_execute(principal=caller.principal, name="file_write", arguments=arguments, session_id=None).task
    play(task.id)
    with django_assert_num_queries(8):  # those of the full one, and one for all large texts
        (step,) = timeline(caller, task, mode="full", include_payloads="true")["steps"]
    (entry,) = [entry for entry in step["entries"] if entry["kind"] == "tool"]
    shown = entry["request"]["arguments"]
    assert shown["path"] == "long.txt"
    assert shown["content"].startswith("A long sentence. A long sentence.")
    assert shown["content"].endswith(f"[cut: {len(text)} characters in all]")
    assert "$blob" not in str(step)


def test_what_people_were_asked_is_in_it(caller: Caller) -> None:
    held = caller.submit(require_approval=True)
    (wait,) = timeline(caller, held)["waits"]
    assert (wait["action"], wait["status"], wait["duration_ms"]) == ("task.submit", "pending", None)


def test_it_is_paged_and_costs_the_same_for_many_steps(
    caller: Caller, task: Task, django_assert_num_queries: Any
) -> None:
    page = timeline(caller, task, limit=1, offset=1)
    assert ([step["step_key"] for step in page["steps"]], page["total_steps"]) == (["agent-s1"], 4)
    with django_assert_num_queries(6):  # the key, the task, steps, their count, waits, effects
        timeline(caller, task)
    with django_assert_num_queries(7):
        timeline(caller, task, mode="full")


def test_refusals(caller: Caller, stranger: Caller, task: Task) -> None:
    address = f"/api/v1/tasks/{task.id}/timeline"
    assert error_of(stranger.client.get(address), 404)["code"] == "TASK_NOT_FOUND"
    for query, word in (
        ({"mode": "some"}, "mode"),
        ({"include_payloads": "true"}, "include_payloads"),
        ({"persist": "true"}, "persist"),
        ({"run_id": "01a20509-ad4a-7061-98bd-23990debeed5"}, "run_id"),
    ):
        assert word in error_of(caller.client.get(address, query), 400)["message"]
