"""Roles of a tenant: made, changed, deleted, and taken by its agents."""

from typing import Any

import pytest
from django.test import Client

from agents.models import AgentRole, JournalEntry
from agents.roles.rows import RoleChanges
from agents.services import role_change, role_delete
from orchestration.engine.advance import task_advance
from orchestration.models import Step, Task
from orchestration.types import TaskStatus
from tests.integration.api.callers import Caller, error_of
from tests.integration.orchestration.playing import play

URL = "/api/v1/roles"
JSON = "application/json"
AUDITOR: dict[str, Any] = {
    "name": "auditor",
    "description": "Checks accounts.",
    "brief": "You are an auditor. Trust no number.",
    "tools": ["calculator", "table_query"],
    "tier": "large",
    "max_turns": 4,
    "max_output_tokens": 1000,
    "budget_tokens": 50_000,
    "budget_usd": "0.5",
    "budget_ask_person_percent": 80,
}


def make(caller: Caller, **values: Any) -> Any:
    return caller.client.post(URL, AUDITOR | values, JSON)


@pytest.fixture(autouse=True)
def _nothing_kept(settings: Any) -> None:
    settings.SHANNON_TENANT_TOOLS_CACHE_SECONDS = 0.0


@pytest.mark.django_db
def test_a_role_is_made_read_changed_and_deleted(caller: Caller) -> None:
    made = make(caller)
    assert made.status_code == 201, made.content
    role = made.json()
    assert (role["is_own"], role["tools"], role["budget_usd"]) == (True, ["calculator", "table_query"], "0.500000")
    assert caller.client.get(f"{URL}/auditor").json() == role
    names = {role["name"]: role["is_own"] for role in caller.client.get(URL).json()["roles"]}
    assert names["auditor"]
    assert names["analyst"] is False
    assert role["budget_ask_person_percent"] == 80
    changes = {"max_turns": 7, "budget_tokens": 0, "tools": [], "budget_ask_person_percent": 0}
    changed = caller.client.patch(f"{URL}/auditor", changes, JSON).json()
    assert changed["budget_ask_person_percent"] is None
    assert (changed["max_turns"], changed["budget_tokens"], changed["tools"]) == (7, None, [])
    assert changed["brief"] == AUDITOR["brief"]
    assert caller.client.delete(f"{URL}/auditor").status_code == 204
    assert error_of(caller.client.get(f"{URL}/auditor"), 404)["code"] == "ROLE_NOT_FOUND"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"name": "Auditor"}, "ROLE_INVALID"),
        ({"name": "1"}, "ROLE_INVALID"),
        ({"tools": ["nope"]}, "ROLE_INVALID"),
        ({"tier": "huge"}, "ROLE_INVALID"),
        ({"max_turns": 0}, "INVALID_INPUT"),
        ({"max_turns": True}, "INVALID_INPUT"),
        ({"colour": "red"}, "INVALID_INPUT"),
        ({"description": ""}, "INVALID_INPUT"),
        ({"brief": "x" * 8001}, "INVALID_INPUT"),
    ],
)
def test_a_role_that_is_not_fit_is_refused(caller: Caller, values: dict[str, Any], code: str) -> None:
    assert error_of(make(caller, **values), 400)["code"] == code
    assert not AgentRole.objects.exists()


@pytest.mark.django_db
def test_names_are_unique_and_their_number_is_bounded(caller: Caller, settings: Any) -> None:
    make(caller)
    assert error_of(make(caller), 409)["code"] == "ROLE_EXISTS"
    settings.SHANNON_ROLES_MAX = 1
    assert error_of(make(caller, name="other"), 409)["code"] == "ROLE_EXISTS"


@pytest.mark.django_db
def test_roles_are_a_tenants_own(caller: Caller, stranger: Caller, caller_with: Any) -> None:
    make(caller)
    for answer in (
        stranger.client.get(f"{URL}/auditor"),
        stranger.client.patch(f"{URL}/auditor", {"max_turns": 1}, JSON),
        stranger.client.delete(f"{URL}/auditor"),
        caller.client.patch(f"{URL}/analyst", {"max_turns": 1}, JSON),
        caller.client.delete(f"{URL}/analyst"),
    ):
        assert error_of(answer, 404)["code"] == "ROLE_NOT_FOUND"
    refused = stranger.client.post("/api/v1/tasks", {"query": "x", "context": {"role": "auditor"}}, JSON)
    assert error_of(refused, 400)["code"] == "INVALID_INPUT"
    reader = caller_with("tools:read")
    assert reader.client.get(URL).status_code == 200
    assert error_of(make(reader, name="x"), 403)["code"] == "SCOPE_MISSING"


def submitted(caller: Caller, role: str = "auditor") -> Task:
    return caller.submit("What is 17 * 23?", context={"role": role})


def asked(task: Task) -> Any:
    """Return what the task's agent asked a model first."""
    return JournalEntry.objects.filter(task_id=task.id, kind="model").order_by("position")[0].request


def tool_names(request: Any) -> list[str]:
    return [tool["function"]["name"] for tool in request["tools"]]


@pytest.mark.django_db(transaction=True)
def test_an_agent_takes_prompt_tools_tier_and_limits_of_its_role(caller: Caller) -> None:
    make(caller)
    task = play(submitted(caller).id)
    assert (task.status, "391" in str(task.result)) == (TaskStatus.COMPLETED, True)
    request = asked(task)
    assert tool_names(request) == ["calculator", "table_query"]
    assert AUDITOR["brief"] in request["messages"][0]["content"]
    assert (request["tier"], request["max_output_tokens"]) == ("large", 1000)


@pytest.mark.django_db(transaction=True)
def test_a_shipped_role_brings_its_tools_and_nobody_named_has_all(caller: Caller) -> None:
    writer = asked(play(submitted(caller, "writer").id))
    assert tool_names(writer) == ["file_read", "file_write", "file_edit", "file_diff", "file_list"]
    anybody = tool_names(asked(play(caller.submit("What is 17 * 23?", mode="simple").id)))
    assert {"python", "web_search", "wasm_run"} <= set(anybody)
    assert "ask_human" not in anybody


@pytest.mark.django_db(transaction=True)
def test_a_tenants_role_takes_the_place_of_a_shipped_one_and_may_ask_people(caller: Caller) -> None:
    make(caller, name="generalist", tools=["ask_human", "calculator"])
    request = asked(play(caller.submit("What is 17 * 23?", mode="simple").id))
    assert tool_names(request) == ["ask_human", "calculator"]


@pytest.mark.django_db(transaction=True)
def test_a_step_that_has_begun_keeps_its_role_and_a_replay_finds_it(caller: Caller) -> None:
    make(caller)
    task = play(submitted(caller).id)
    role_change(principal=caller.principal, name="auditor", changes=RoleChanges(brief="Another one.", tools=()))
    again = caller.client.post(f"/api/v1/tasks/{task.id}/replay", {}, JSON).json()
    assert again["matches"], again
    role_delete(principal=caller.principal, name="auditor")
    assert caller.client.post(f"/api/v1/tasks/{task.id}/replay", {}, JSON).json()["matches"]


@pytest.mark.django_db(transaction=True)
def test_a_role_that_is_gone_before_its_step_begins_fails_it(caller: Caller) -> None:
    make(caller)
    task = submitted(caller)
    task_advance(task.id)
    role_delete(principal=caller.principal, name="auditor")
    assert play(task.id).status == TaskStatus.FAILED
    assert (Step.objects.get(task_id=task.id).error or {})["code"] == "ROLE_NOT_FOUND"


@pytest.mark.django_db
def test_planners_are_told_of_a_tenants_roles_and_templates_may_name_them(caller: Caller) -> None:
    make(caller)
    assert caller.submit("x", mode="dag").parameters["role_descriptions"]["auditor"] == "Checks accounts."
    source = "name: audit\nnodes:\n  - id: a\n    strategy: simple\n    instruction: check\n    role: auditor\n"
    saved = caller.client.post("/api/v1/templates", {"source": source}, JSON)
    assert saved.status_code == 201, saved.content
    role_delete(principal=caller.principal, name="auditor")
    assert caller.client.get("/api/v1/templates/audit").status_code == 200


@pytest.mark.django_db
def test_the_admin_makes_roles_by_the_same_rules(caller: Caller, admin_client: Client) -> None:
    form = {name: str(value) for name, value in AUDITOR.items()} | {
        "tenant": str(caller.tenant.id),
        "tools": '["calculator"]',
        "is_active": "on",
    }
    wrong = admin_client.post("/admin/agents/agentrole/add/", form | {"tools": '["nope"]', "name": "Bad"})
    assert wrong.status_code == 200
    assert b"There is no tool" in wrong.content
    nobodys = admin_client.post("/admin/agents/agentrole/add/", {**form, "tenant": ""})
    assert nobodys.status_code == 200
    assert not AgentRole.objects.exists()
    assert admin_client.post("/admin/agents/agentrole/add/", form).status_code == 302
    row = AgentRole.objects.get()
    assert (row.name, row.tools, row.created_by) == ("auditor", ["calculator"], "user:admin")
    changed = admin_client.post(f"/admin/agents/agentrole/{row.id}/change/", form | {"max_turns": "9"})
    assert changed.status_code == 302
    assert AgentRole.objects.get().max_turns == 9
