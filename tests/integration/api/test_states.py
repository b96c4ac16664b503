"""What a step saw at a position of its journal."""

from typing import Any

import pytest

from agents.models import JournalEntry
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


def test_refusals(caller: Caller, stranger: Caller, task: Task) -> None:
    address = f"/api/v1/tasks/{task.id}/steps/agent/state"
    assert error_of(stranger.client.get(address, {"position": 0}), 404)["code"] == "TASK_NOT_FOUND"
    assert "position" in error_of(caller.client.get(address), 400)["message"]
    assert "effects" in error_of(caller.client.get(address, {"position": 999}), 400)["message"]
    other = f"/api/v1/tasks/{task.id}/steps/nothing/state"
    assert error_of(caller.client.get(other, {"position": 0}), 404)["code"] == "STEP_NOT_FOUND"
