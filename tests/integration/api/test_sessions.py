"""Sessions: list, get, rename, delete, history, events."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from orchestration.models import Task
from tests.integration.api.callers import Caller, error_of

pytestmark = pytest.mark.django_db
URL = "/api/v1/sessions"
NO_SESSION = "00000000-0000-7000-8000-000000000000"


def test_a_session_sums_up_its_tasks(caller: Caller) -> None:
    first = caller.submit("first question", session_id="chat", mode="simple")
    second = caller.submit("second question", session_id="chat")
    caller.submit("elsewhere")
    sums = {"prompt_tokens": 10, "completion_tokens": 5, "cost_usd": Decimal("0.25")}
    Task.objects.filter(id=first.id).update(status="COMPLETED", **sums)
    Task.objects.filter(id=second.id).update(status="FAILED", **sums)
    body = caller.client.get(f"{URL}/chat").json()
    assert body["session_id"] == str(first.session_id)
    assert body["context"]["external_id"] == "chat"
    assert body["title"] == "first question"
    assert body["user_id"] == "ours-user"
    assert (body["task_count"], body["successful_tasks"], body["failed_tasks"]) == (2, 1, 1)
    assert (body["success_rate"], body["tokens_used"], body["cost_usd"]) == (0.5, 30, 0.5)
    assert (body["total_cost_usd"], body["average_cost_per_task"]) == (0.5, 0.25)
    assert (body["latest_task_query"], body["latest_task_status"]) == ("second question", "FAILED")
    assert (body["first_task_mode"], body["is_active"]) == ("simple", False)


def test_a_session_is_found_by_id_and_by_name(caller: Caller) -> None:
    task = caller.submit(session_id="chat")
    by_id = caller.client.get(f"{URL}/{task.session_id}").json()
    assert by_id == caller.client.get(f"{URL}/chat").json()


def test_sessions_are_listed_newest_first_and_by_pages(caller: Caller) -> None:
    ids = [str(caller.submit().session_id) for _ in range(4)][::-1]
    page = caller.client.get(URL, {"limit": 2, "offset": 1}).json()
    assert [session["session_id"] for session in page["sessions"]] == ids[1:3]
    assert page["total_count"] == 4
    assert page["sessions"][0]["is_active"] is True


@pytest.mark.parametrize("sessions", [1, 6])
def test_listing_sessions_takes_seven_queries_however_many(
    caller: Caller, django_assert_num_queries: DjangoAssertNumQueries, sessions: int
) -> None:
    for _ in range(sessions):
        caller.submit()
    caller.client.get(URL)
    with django_assert_num_queries(7):  # key, page, count, sums, latest, first, budgets
        assert len(caller.client.get(URL).json()["sessions"]) == sessions


def test_a_session_is_renamed(caller: Caller) -> None:
    caller.submit(session_id="chat")
    response = caller.client.patch(f"{URL}/chat", {"title": "Stocks"}, "application/json")
    assert (response.status_code, response.json()["title"]) == (200, "Stocks")
    assert caller.client.get(f"{URL}/chat").json()["title"] == "Stocks"


@pytest.mark.parametrize(
    "body", [{}, {"title": ""}, {"title": "x" * 61}, {"title": 5}, {"title": "a", "name": "b"}, []]
)
def test_a_bad_title_is_refused(caller: Caller, body: Any) -> None:
    caller.submit("old", session_id="chat")
    error_of(caller.client.patch(f"{URL}/chat", body, "application/json"), 400)
    assert caller.client.get(f"{URL}/chat").json()["title"] == "old"


def test_a_deleted_session_is_gone_and_its_tasks_stay(caller: Caller) -> None:
    task = caller.submit(session_id="chat")
    assert caller.client.delete(f"{URL}/chat").status_code == 204
    error_of(caller.client.get(f"{URL}/chat"), 404)
    error_of(caller.client.delete(f"{URL}/chat"), 404)
    assert caller.client.get(URL).json()["total_count"] == 0
    assert caller.client.get(f"/api/v1/tasks/{task.id}").status_code == 200


def test_the_history_is_the_tasks_in_the_order_in_which_they_were_asked(caller: Caller) -> None:
    tasks = [caller.submit(f"question {n}", session_id="chat") for n in range(3)]
    Task.objects.filter(id=tasks[0].id).update(status="COMPLETED", result="answer", prompt_tokens=4)
    body = caller.client.get(f"{URL}/chat/history").json()
    assert [item["task_id"] for item in body["tasks"]] == [str(task.id) for task in tasks]
    first = body["tasks"][0]
    assert (first["query"], first["result"], first["status"]) == ("question 0", "answer", "COMPLETED")
    assert (first["total_tokens"], body["total"]) == (4, 3)
    assert first["started_at"]


def test_the_events_of_a_session_come_by_turns(caller: Caller) -> None:
    tasks = [caller.submit(f"question {n}", session_id="chat") for n in range(3)]
    body = caller.client.get(f"{URL}/chat/events", {"limit": 2, "offset": 1}).json()
    assert [(turn["turn"], turn["task_id"]) for turn in body["turns"]] == [(2, str(tasks[1].id)), (3, str(tasks[2].id))]
    assert body["count"] == 3
    turn = body["turns"][0]
    assert (turn["user_query"], turn["events"][0]["type"]) == ("question 1", "WORKFLOW_STARTED")


ROUTES = [("get", ""), ("patch", ""), ("delete", ""), ("get", "/history"), ("get", "/events")]


def call(client: Client, method: str, path: str) -> Any:
    """Make a request; a rename has a valid body."""
    if method == "patch":
        return client.patch(path, {"title": "mine now"}, "application/json")
    return getattr(client, method)(path)


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("by_name", [True, False])
def test_a_session_of_another_tenant_is_not_found(
    caller: Caller, stranger: Caller, method: str, path: str, by_name: bool
) -> None:
    task = stranger.submit("theirs", session_id="chat")
    name = "chat" if by_name else str(task.session_id)
    assert error_of(call(caller.client, method, f"{URL}/{name}{path}"), 404)["code"] == "SESSION_NOT_FOUND"
    assert stranger.client.get(f"{URL}/chat").json()["title"] == "theirs"


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("name", [NO_SESSION, "nothing", "a%20b", "%00", "x" * 200])
def test_a_name_of_no_session_is_not_found(caller: Caller, method: str, path: str, name: str) -> None:
    error_of(call(caller.client, method, f"{URL}/{name}{path}"), 404)


@pytest.mark.parametrize(("method", "path"), [("get", URL), *((m, f"{URL}/chat{p}") for m, p in ROUTES)])
def test_every_session_endpoint_wants_a_key_and_its_scope(
    caller_with: Callable[..., Caller], method: str, path: str
) -> None:
    error_of(call(Client(), method, path), 401)
    scope = "sessions:write" if method == "get" else "sessions:read"
    error_of(call(caller_with(scope).client, method, path), 403)


@pytest.mark.parametrize("path", [URL, f"{URL}/chat", f"{URL}/chat/history", f"{URL}/chat/events"])
def test_unknown_parameters_are_refused(caller: Caller, path: str) -> None:
    caller.submit(session_id="chat")
    assert "Unknown field: sort" in error_of(caller.client.get(path, {"sort": "title"}), 400)["message"]
