"""What a step saw at a position of its journal."""

from typing import Any

import pytest

from agents.models import JournalEntry
from orchestration import state_at as state_at_module
from orchestration.models import Task
from tests.integration.api.callers import Caller, error_of
from tests.integration.orchestration.playing import play

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def task(caller: Caller) -> Task:
    """A run of one agent that called a tool."""
    return play(caller.submit("What is 17 * 23?", mode="simple").id)


def state(caller: Caller, task: Task, position: int) -> dict[str, Any]:
    address = f"/api/v1/tasks/{task.id}/steps/agent/state"
    answer: dict[str, Any] = caller.client.get(address, {"position": position}).json()
    return answer


def test_a_step_shows_what_it_saw_at_each_place(caller: Caller, task: Task) -> None:
    first = state(caller, task, 0)
    assert (first["effect"]["kind"], first["before"], first["budget"]["step_tokens"]) == ("workspace", [], 0)
    asked = state(caller, task, 1)
    assert asked["effect"]["kind"] == "model"
    assert "17 * 23" in asked["messages"][-1]["content"]
    assert [look["kind"] for look in asked["observed"]] == ["workspace"]
    called = state(caller, task, 2)
    assert (called["effect"]["kind"], called["effect"]["key"]) == ("tool", "calculator")
    again = state(caller, task, 3)
    assert again["messages"][-1]["role"] == "tool"
    assert 0 < called["budget"]["step_tokens"] == again["budget"]["task_tokens"]
    assert again["budget"]["task_limit_tokens"] > 0
    end = state(caller, task, JournalEntry.objects.filter(task_id=task.id).count())
    assert end["effect"] is None
    assert end["budget"]["step_tokens"] == task.prompt_tokens + task.completion_tokens


def test_a_step_shows_what_policies_decided_about_its_effects(caller: Caller, task: Task) -> None:
    assert state(caller, task, 0)["decisions"] == []
    asked = state(caller, task, 1)["decisions"]
    assert {decision["position"] for decision in asked} == {1}
    first = asked[0]
    assert (first["by"], first["effect"]) == ("policy", "model agent")
    assert (first["action"], first["verdict"]) == ("model.call", "allow")
    assert first["about"].startswith("offline/")
    assert first["obligations"]["max_output_tokens"] > 0
    assert first["policy_versions"]["model_call"] >= 1
    called = [decision for decision in state(caller, task, 3)["decisions"] if decision["position"] == 2]
    assert [(decision["action"], decision["about"], decision["verdict"]) for decision in called] == [
        ("tool.call", "calculator", "allow")
    ]


def test_a_place_where_nothing_has_happened_yet_hides_none_behind_it(caller: Caller, task: Task) -> None:
    whole = [state(caller, task, place) for place in range(5)]
    JournalEntry.objects.get(task_id=task.id, position=2).delete()  # as while one of two calls waits for a person
    waits = state(caller, task, 2)
    assert (waits["effect"], waits["before"]) == (None, whole[2]["before"])
    behind = state(caller, task, 3)
    assert behind["effect"] == whole[3]["effect"]
    assert [entry["position"] for entry in behind["before"]] == [0, 1]
    assert state(caller, task, 4)["before"][-1] == whole[4]["before"][-1]


def test_of_a_long_journal_the_last_effects_are_shown_and_all_are_counted(
    caller: Caller, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = JournalEntry.objects.filter(task_id=task.id).count()
    whole = [state(caller, task, place) for place in range(count + 1)]
    assert {shown["left_out"] for shown in whole} == {0}
    monkeypatch.setattr(state_at_module, "ENTRIES_MAX", 2)
    for place, shown in enumerate(whole):
        cut = state(caller, task, place)
        assert (cut["effect"], cut["budget"]) == (shown["effect"], shown["budget"])
        assert cut["before"] == shown["before"][cut["left_out"] :]
    assert (
        "effects"
        in error_of(caller.client.get(f"/api/v1/tasks/{task.id}/steps/agent/state", {"position": count + 1}), 400)[
            "message"
        ]
    )


def test_refusals(caller: Caller, stranger: Caller, task: Task) -> None:
    address = f"/api/v1/tasks/{task.id}/steps/agent/state"
    assert error_of(stranger.client.get(address, {"position": 0}), 404)["code"] == "TASK_NOT_FOUND"
    assert "position" in error_of(caller.client.get(address), 400)["message"]
    assert "effects" in error_of(caller.client.get(address, {"position": 999}), 400)["message"]
    other = f"/api/v1/tasks/{task.id}/steps/nothing/state"
    assert error_of(caller.client.get(other, {"position": 0}), 404)["code"] == "STEP_NOT_FOUND"
