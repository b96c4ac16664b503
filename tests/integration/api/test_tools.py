"""Tools: list, get, execute. The worker is played by a thread that does what doorbells make workers do."""

from collections.abc import Callable, Iterator
from threading import Event as Flag
from threading import Thread
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test import AsyncClient, Client
from pytest_django import Settings

from agents.tools.builtin.calculator import CalculatorTool
from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.models import Task
from orchestration.types import TASK_TERMINAL
from policy.models import AuditEntry
from tests.integration.api.callers import Caller, error_of

URL = "/api/v1/tools"
JSON = "application/json"
BETWEEN_ROUNDS_SECONDS = 0.02


@pytest.fixture
def worker(transactional_db: None) -> Iterator[None]:
    """A worker that works on whatever is open."""
    stop = Flag()

    def work() -> None:
        try:
            while not stop.wait(BETWEEN_ROUNDS_SECONDS):
                for task_id in Task.objects.exclude(status__in=TASK_TERMINAL).values_list("id", flat=True):
                    task_advance(task_id)
                    drain(task_id, first=None)
        finally:
            connection.close()

    thread = Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join()


async def execute(caller: Caller | None, name: str, body: Any, **headers: str) -> Any:
    """Call a tool."""
    key = {"X-API-Key": caller.key} if caller else {}
    return await AsyncClient().post(
        f"{URL}/{name}/execute", body, content_type="application/json", headers={**key, **headers}
    )


@pytest.mark.django_db
def test_tools_are_listed_with_their_schemas(caller: Caller) -> None:
    tools = {tool["name"]: tool for tool in caller.client.get(URL).json()["tools"]}
    assert {"python", "calculator", "file_read", "file_write", "file_list", "memory_search"} <= set(tools)
    calculator = tools["calculator"]
    assert calculator["description"]
    assert calculator["parameters"]["type"] == "object"


@pytest.mark.django_db
def test_tools_are_filtered_by_category(caller: Caller) -> None:
    tools = caller.client.get(URL, {"category": "files"}).json()["tools"]
    assert {tool["category"] for tool in tools} == {"files"}
    assert caller.client.get(URL, {"category": "nothing"}).json() == {"tools": []}


@pytest.mark.django_db
def test_a_tool_is_shown_with_its_limits(caller: Caller) -> None:
    tool = caller.client.get(f"{URL}/calculator").json()
    assert (tool["name"], tool["category"], tool["dangerous"]) == ("calculator", "compute", False)
    assert tool["timeout_seconds"] > 0


@pytest.mark.django_db
def test_a_tool_that_does_not_exist_is_not_found_and_the_answer_names_those_that_do(caller: Caller) -> None:
    error = error_of(caller.client.get(f"{URL}/teleport"), 404)
    assert "calculator" in error["details"]["tools"]


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "path"), [("get", ""), ("get", "/calculator"), ("post", "/calculator/execute")])
def test_every_tool_endpoint_wants_a_key_and_its_scope(
    caller_with: Callable[..., Caller], method: str, path: str
) -> None:
    error_of(Client().generic(method.upper(), URL + path), 401)
    error_of(caller_with("tasks:read").client.generic(method.upper(), URL + path), 403)


async def test_a_tool_is_executed_and_answers_in_the_official_clients_shape(caller: Caller, worker: None) -> None:
    response = await execute(caller, "calculator", {"arguments": {"expression": "17 * 23"}})
    assert response.status_code == 200, response.content
    body = response.json()
    assert (body["success"], body["error"]) == (True, None)
    assert "391" in body["text"]
    assert body["execution_time_ms"] >= 0
    assert set(body["usage"]) == {"tokens", "cost_usd"}
    task: Task = await Task.objects.aget(id=body["metadata"]["task_id"])
    assert (task.mode, task.tool_calls, task.tenant_id) == ("tool", 1, caller.tenant.id)


async def test_a_call_is_not_among_the_tasks_but_can_be_looked_at(caller: Caller, worker: None) -> None:
    body = (await execute(caller, "calculator", {"arguments": {"expression": "1 + 1"}})).json()
    listed = await sync_to_async(caller.client.get)("/api/v1/tasks")
    shown = await sync_to_async(caller.client.get)(f"/api/v1/tasks/{body['metadata']['task_id']}")
    assert listed.json()["total_count"] == 0
    assert shown.status_code == 200


async def test_a_failure_of_the_tool_is_an_answer(caller: Caller, worker: None) -> None:
    body = (await execute(caller, "calculator", {"arguments": {"expression": "1 / 0"}})).json()
    assert body["success"] is False
    assert body["error"]
    assert body["metadata"]["error"]["code"]


async def test_the_same_key_gives_the_same_call(caller: Caller, worker: None) -> None:
    call = {"arguments": {"expression": "2 + 2"}}
    first, again = [(await execute(caller, "calculator", call, **{"Idempotency-Key": "k"})).json() for _ in range(2)]
    assert first == again


async def test_arguments_that_do_not_fit_the_tool_are_refused(caller: Caller, worker: None) -> None:
    response = await execute(caller, "calculator", {"arguments": {"formula": "1"}})
    assert "expression" in error_of(response, 400)["message"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"arguments": []}, "arguments: must be an object"),
        ({"arguments": "1 + 1"}, "arguments: must be an object"),
        ({"arguments": {"expression": "\x00"}}, "arguments: holds a value that cannot be stored"),
        ({"args": {}}, "Unknown field: args"),
        ({"session_id": "a b"}, "session_id"),
        ([], "JSON object"),
    ],
)
async def test_a_bad_call_is_refused(caller: Caller, body: Any, says: str) -> None:
    assert says in error_of(await execute(caller, "calculator", body), 400)["message"]
    assert not await Task.objects.aexists()


@pytest.mark.django_db(transaction=True)
async def test_a_tool_that_does_not_exist_is_not_called(caller: Caller) -> None:
    error_of(await execute(caller, "teleport", {}), 404)
    assert not await Task.objects.aexists()


@pytest.mark.django_db(transaction=True)
async def test_a_session_of_another_tenant_is_not_used(caller: Caller, stranger: Caller) -> None:
    task: Task = await sync_to_async(stranger.submit)()
    error_of(await execute(caller, "file_list", {"session_id": str(task.session_id)}), 404)


@pytest.mark.django_db(transaction=True)
async def test_a_tool_that_does_not_end_in_time_is_left_to_its_task(caller: Caller, settings: Settings) -> None:
    settings.SHANNON_TOOL_WAIT_SECONDS = 0.05
    error = error_of(await execute(caller, "calculator", {"arguments": {"expression": "1"}}), 504)
    assert error["code"] == "TOOL_STILL_RUNNING"
    assert await Task.objects.filter(id=error["details"]["task_id"], status="QUEUED").aexists()


@pytest.mark.django_db
def test_a_call_is_tried_without_being_made(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CalculatorTool, "execute", lambda *_: pytest.fail("it was made"))
    tried = caller.client.post(f"{URL}/calculator/test", {"arguments": {"expression": "1"}}, JSON).json()
    assert (tried["would_run"], tried["verdict"], tried["asks_a_person"]) == (True, "allow", False)
    assert (tried["arguments_problem"], tried["missing_scopes"], tried["tool"]["name"]) == (None, [], "calculator")
    assert (tried["tool"]["registered_by"], tried["tool"]["calls_per_minute"]) == ("builtin", None)
    monkeypatch.setattr(CalculatorTool, "requires_approval", True)
    asked = caller.client.post(f"{URL}/calculator/test", {"arguments": {"expression": "1"}}, JSON).json()
    assert (asked["would_run"], asked["asks_a_person"]) == (True, True)
    wrong = caller.client.post(f"{URL}/calculator/test", {"arguments": {"expresion": "1"}}, JSON).json()
    assert not wrong["would_run"]
    assert "'expression' is a required property" in wrong["arguments_problem"]
    assert not Task.objects.exists()


@pytest.mark.django_db
def test_a_trial_says_which_scopes_are_missing_and_records_no_denial(
    caller_with: Callable[..., Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CalculatorTool, "dangerous", True)
    caller = caller_with("tools:execute")
    tried = caller.client.post(f"{URL}/calculator/test", {"arguments": {"expression": "1"}}, JSON).json()
    assert (tried["would_run"], tried["missing_scopes"], tried["verdict"]) == (False, ["tools:dangerous"], "deny")
    assert not AuditEntry.objects.filter(action="tool.call").exists()
    assert error_of(caller.client.post(f"{URL}/nope/test", {}, JSON), 404)["code"] == "TOOL_NOT_FOUND"
    refused = caller_with("tools:read").client.post(f"{URL}/calculator/test", {}, JSON)
    assert error_of(refused, 403)["code"] == "SCOPE_MISSING"
