"""Single agents: list, get, ask."""

from typing import Any
from uuid import UUID

import pytest

from agents.models import Session
from agents.tools.builtin.calculator import CalculatorTool
from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.models import Task
from orchestration.types import TaskStatus
from tests.integration.api.callers import Caller, error_of
from tests.integration.orchestration.playing import play

URL = "/api/v1/agents"


def ask(caller: Caller, agent_id: str, body: Any, **headers: str) -> Any:
    return caller.client.post(f"{URL}/{agent_id}", body, content_type="application/json", headers=headers)


@pytest.mark.django_db
def test_roles_and_tools_are_agents(caller: Caller) -> None:
    agents = {agent["id"]: agent for agent in caller.client.get(URL).json()["agents"]}
    analyst, calculator = agents["analyst"], agents["calculator"]
    assert (analyst["category"], analyst["tool"], analyst["cost_per_call"]) == ("role", "", None)
    assert analyst["input_schema"]["required"] == ["query"]
    assert (calculator["tool"], calculator["name"], calculator["cost_per_call"]) == ("calculator", "Calculator", 0.0)
    assert calculator["input_schema"] == CalculatorTool.parameters
    assert caller.client.get(f"{URL}/analyst").json() == analyst
    assert error_of(caller.client.get(f"{URL}/nobody"), 404)["code"] == "AGENT_NOT_FOUND"


@pytest.mark.django_db(transaction=True)
def test_a_tools_agent_makes_one_call_and_asks_no_model(caller: Caller) -> None:
    answer = ask(caller, "calculator", {"input": {"expression": "6 * 7"}, "session_id": "mine"})
    assert answer.status_code == 202
    body = answer.json()
    assert (body["agent_id"], body["status"], body["task_id"]) == ("calculator", "QUEUED", body["workflow_id"])
    assert (answer["X-Workflow-ID"], answer["X-Session-ID"]) == (body["task_id"], "mine")
    assert body["stream_url"].endswith(f"workflow_id={body['task_id']}")
    task = play(UUID(body["task_id"]))
    assert (task.status, task.model_calls, task.tool_calls) == (TaskStatus.COMPLETED, 0, 1)
    assert "42" in str(task.result)


@pytest.mark.django_db(transaction=True)
def test_a_roles_agent_works_on_a_request_of_its_own(caller: Caller) -> None:
    body = ask(caller, "analyst", {"input": {"query": "What is 17 * 23?"}, "stream": True}).json()
    task = play(UUID(body["task_id"]))
    assert (task.status, task.strategy, task.parameters["role"]) == (TaskStatus.COMPLETED, "simple", "analyst")
    assert "391" in str(task.result)


@pytest.mark.django_db
def test_the_same_key_makes_one_task(caller: Caller) -> None:
    body = {"input": {"expression": "1"}}
    first, again = (ask(caller, "calculator", body, **{"Idempotency-Key": "k"}) for _ in range(2))
    assert first.json()["task_id"] == again.json()["task_id"]
    assert again["Idempotent-Replayed"] == "true"
    other = ask(caller, "calculator", {"input": {"expression": "2"}}, **{"Idempotency-Key": "k"})
    assert error_of(other, 422)["code"] == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("agent_id", "body"),
    [
        ("calculator", {"input": {}}),
        ("calculator", {"input": {"expression": "1", "more": 1}}),
        ("analyst", {"input": {"query": ""}}),
        ("analyst", {"input": {"query": "x", "role": "writer"}}),
        ("analyst", {}),
        ("analyst", {"input": "x"}),
        ("analyst", {"input": {"query": "x"}, "colour": 1}),
    ],
)
def test_input_that_does_not_fit_is_refused(caller: Caller, agent_id: str, body: Any) -> None:
    assert error_of(ask(caller, agent_id, body), 400)["code"] == "INVALID_INPUT"
    assert not Task.objects.exists()


@pytest.mark.django_db
def test_scopes_hold(caller_with: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = caller_with("tools:read"), caller_with("tasks:write")
    call = {"input": {"expression": "1"}}
    assert error_of(ask(reader, "calculator", call), 403)["code"] == "SCOPE_MISSING"
    assert error_of(ask(writer, "calculator", call), 403)["details"]["required"] == "tools:execute"
    assert error_of(writer.client.get(URL), 403)["code"] == "SCOPE_MISSING"
    monkeypatch.setattr(CalculatorTool, "dangerous", True)
    both = caller_with("tasks:write", "tools:execute")
    assert error_of(ask(both, "calculator", call), 403)["details"]["required"] == "tools:dangerous"
    assert ask(caller_with("tasks:write", "tools:execute", "tools:dangerous"), "calculator", call).status_code == 202


@pytest.mark.django_db
def test_another_tenants_session_is_not_found(caller: Caller, stranger: Caller) -> None:
    theirs = ask(stranger, "calculator", {"input": {"expression": "1"}}).json()["session_id"]
    assert Session.objects.filter(id=theirs).exists()
    refused = ask(caller, "calculator", {"input": {"expression": "1"}, "session_id": theirs})
    assert error_of(refused, 404)["code"] == "SESSION_NOT_FOUND"


@pytest.mark.django_db(transaction=True)
def test_a_person_is_asked_and_answers_over_the_api(caller: Caller) -> None:
    body = ask(caller, "ask_human", {"input": {"question": "Which market?"}}).json()
    for _ in range(3):
        task_advance(UUID(body["task_id"]))
        drain(UUID(body["task_id"]), first=None)
    listed = caller.client.get("/api/v1/approvals", {"workflow_id": body["task_id"]}).json()["approvals"]
    assert [(row["action"], row["subject"]["question"]) for row in listed] == [("ask.human", "Which market?")]
    decision = {
        "approval_id": listed[0]["approval_id"],
        "workflow_id": body["task_id"],
        "approved": True,
        "feedback": "Japan",
    }
    decided = caller.client.post("/api/v1/approvals/decision", decision, content_type="application/json")
    assert decided.status_code == 200, decided.content
    task = play(UUID(body["task_id"]))
    assert (task.status, "Japan" in str(task.result)) == (TaskStatus.COMPLETED, True)
