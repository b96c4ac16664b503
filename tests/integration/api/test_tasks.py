"""Listing, getting, cancelling tasks, and their events."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from orchestration.events.write import EventDraft, events_append
from orchestration.models import Step, Task
from tests.integration.api.callers import Caller, error_of

pytestmark = pytest.mark.django_db
URL = "/api/v1/tasks"
NO_TASK = "00000000-0000-7000-8000-000000000000"


def finished(caller: Caller, **values: Any) -> Task:
    """Return a task as it is when it has ended well."""
    task = caller.submit("What is 2 + 2?")
    fields = {
        "status": "COMPLETED",
        "result": "4",
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "cost_usd": Decimal("0.0015"),
        "model_calls": 2,
        "tool_calls": 1,
        "model_used": "offline/small",
        "provider": "offline",
        "completed_at": timezone.now(),
    }
    Task.objects.filter(id=task.id).update(**{**fields, **values})
    task.refresh_from_db()
    return task


def test_a_finished_task_is_shown_with_result_usage_and_model(caller: Caller) -> None:
    task = finished(caller, result_metadata={"subtasks": 1})
    Step.objects.create(task=task, key="agent", position=0, kind="agent", title="Answer", status="succeeded")
    body = caller.client.get(f"{URL}/{task.id}").json()
    assert body["task_id"] == body["workflow_id"] == str(task.id)
    assert body["status"] == "TASK_STATUS_COMPLETED"
    assert (body["result"], body["error"], body["error_details"], body["progress"]) == ("4", "", None, 1.0)
    assert body["usage"] == {
        "total_tokens": 15,
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "cost_usd": 0.0015,
        "cost_is_complete": True,
        "model_calls": 2,
        "tool_calls": 1,
    }
    assert (body["model_used"], body["provider"]) == ("offline/small", "offline")
    assert body["metadata"]["steps"] == {"total": 1, "succeeded": 1}
    assert body["metadata"]["subtasks"] == 1
    assert body["query"] == "What is 2 + 2?"
    assert body["session_id"] == str(task.session_id)
    assert body["completed_at"]


def test_a_failed_task_has_its_error_as_a_sentence_and_in_detail(caller: Caller) -> None:
    error = {"code": "BUDGET_EXCEEDED", "message": "The task's budget is spent.", "retryable": False, "details": {}}
    task = finished(caller, status="FAILED", result=None, error=error)
    body = caller.client.get(f"{URL}/{task.id}").json()
    assert (body["status"], body["result"]) == ("TASK_STATUS_FAILED", None)
    assert (body["error"], body["error_details"]) == ("The task's budget is spent.", error)


def test_progress_is_the_part_of_the_steps_that_ended(caller: Caller) -> None:
    task = caller.submit()
    for position, status in enumerate(["succeeded", "skipped", "running", "blocked"]):
        Step.objects.create(task=task, key=f"s{position}", position=position, kind="agent", title="", status=status)
    body = caller.client.get(f"{URL}/{task.id}").json()
    assert body["progress"] == 0.5


def test_getting_a_task_takes_six_queries(caller: Caller, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    task = finished(caller)
    caller.client.get(f"{URL}/{task.id}")  # the key's last use is written at most once a minute
    # key, task with session, steps by status, forks, models, calls that budgets made cheaper
    with django_assert_num_queries(6):
        caller.client.get(f"{URL}/{task.id}")


@pytest.mark.parametrize("tasks", [1, 7])
def test_listing_tasks_takes_three_queries_however_many(
    caller: Caller, django_assert_num_queries: DjangoAssertNumQueries, tasks: int
) -> None:
    for _ in range(tasks):
        caller.submit()
    caller.client.get(URL)
    with django_assert_num_queries(3):  # key, page with sessions, count
        assert len(caller.client.get(URL).json()["tasks"]) == tasks


def test_tasks_are_listed_newest_first_and_by_pages(caller: Caller) -> None:
    ids = [str(caller.submit(f"task {number}").id) for number in range(5)][::-1]
    page = caller.client.get(URL, {"limit": 2, "offset": 1}).json()
    assert [task["task_id"] for task in page["tasks"]] == ids[1:3]
    assert page["total_count"] == 5


def test_a_listed_task_has_what_the_official_client_reads(caller: Caller) -> None:
    task = finished(caller)
    listed = caller.client.get(URL).json()["tasks"][0]
    assert (listed["task_id"], listed["status"], listed["mode"]) == (str(task.id), "COMPLETED", task.strategy)
    assert listed["total_token_usage"]["total_tokens"] == 15
    assert listed["created_at"] < listed["completed_at"]


@pytest.mark.parametrize("status", ["COMPLETED", "completed", "TASK_STATUS_COMPLETED"])
def test_tasks_are_filtered_by_status(caller: Caller, status: str) -> None:
    done = finished(caller)
    caller.submit()
    page = caller.client.get(URL, {"status": status}).json()
    assert ([task["task_id"] for task in page["tasks"]], page["total_count"]) == ([str(done.id)], 1)


def test_tasks_are_filtered_by_session_id_or_name(caller: Caller) -> None:
    task = caller.submit(session_id="chat")
    caller.submit()
    for session in ("chat", str(task.session_id)):
        page = caller.client.get(URL, {"session_id": session}).json()
        assert [(found["task_id"], found["session_id"]) for found in page["tasks"]] == [(str(task.id), "chat")]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 101},
        {"limit": "ten"},
        {"limit": ""},
        {"offset": -1},
        {"offset": 10**30},
        {"status": "SLEEPING"},
        {"session_id": "a b"},
        {"session_id": "a\x00"},
        {"page": 2},
    ],
)
def test_bad_list_parameters_are_refused_by_name(caller: Caller, query: dict[str, Any]) -> None:
    assert next(iter(query)) in error_of(caller.client.get(URL, query), 400)["message"]


def test_the_events_of_a_task_are_listed_in_order(caller: Caller) -> None:
    task = caller.submit()
    events_append(task_id=task.id, drafts=[EventDraft("PROGRESS", f"{n}", {"n": n}) for n in range(2, 6)])
    body = caller.client.get(f"{URL}/{task.id}/events").json()
    assert [event["seq"] for event in body["events"]] == [1, 2, 3, 4, 5]
    assert body["total_count"] == 5
    event = body["events"][1]
    assert (event["type"], event["message"], event["payload"]) == ("PROGRESS", "2", {"n": 2})
    assert (event["workflow_id"], event["stream_id"]) == (str(task.id), "2")
    page = caller.client.get(f"{URL}/{task.id}/events", {"limit": 2, "offset": 3}).json()
    assert [event["seq"] for event in page["events"]] == [4, 5]


@pytest.mark.parametrize("query", [{"limit": 201}, {"limit": 0}, {"offset": "x"}, {"types": "PROGRESS"}])
def test_bad_event_parameters_are_refused(caller: Caller, query: dict[str, Any]) -> None:
    error_of(caller.client.get(f"{URL}/{caller.submit().id}/events", query), 400)


def test_the_stream_of_a_task_is_a_redirect(caller: Caller) -> None:
    task = caller.submit()
    response = caller.client.get(f"{URL}/{task.id}/stream", {"last_event_id": "3"})
    assert response.status_code == 307
    assert response["Location"] == f"/api/v1/stream/sse?last_event_id=3&workflow_id={task.id}"


def test_cancelling_stops_the_task_and_keeps_the_reason(caller: Caller) -> None:
    task = caller.submit()
    response = caller.client.post(f"{URL}/{task.id}/cancel", {"reason": "changed my mind"}, "application/json")
    assert response.status_code == 202
    assert response.json()["success"] is True
    task.refresh_from_db()
    assert (task.status, task.status_changed_by) == ("CANCELLED", "key:tests")
    assert "changed my mind" in f"{task.status_reason} {task.error}"


def test_cancelling_twice_says_that_nothing_was_left_to_cancel(caller: Caller) -> None:
    task = caller.submit()
    for expected in (True, False):
        response = call(caller.client, "post", f"{URL}/{task.id}/cancel")  # without a body
        assert (response.status_code, response.json()["success"]) == (202, expected)


@pytest.mark.parametrize("body", [{"reason": 5}, {"why": "x"}, {"reason": "x" * 501}, []])
def test_a_bad_cancel_body_is_refused(caller: Caller, body: Any) -> None:
    task = caller.submit()
    error_of(caller.client.post(f"{URL}/{task.id}/cancel", body, "application/json"), 400)
    task.refresh_from_db()
    assert task.status == "QUEUED"


ROUTES = [("get", ""), ("get", "/events"), ("get", "/stream"), ("post", "/cancel")]


def call(client: Client, method: str, path: str) -> Any:
    """Make a request without a body, as the official client does."""
    return client.generic(method.upper(), path, content_type="application/json")


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_task_of_another_tenant_is_not_found(caller: Caller, stranger: Caller, method: str, path: str) -> None:
    task = stranger.submit()
    error = error_of(call(caller.client, method, f"{URL}/{task.id}{path}"), 404)
    assert error["code"] == "TASK_NOT_FOUND"
    task.refresh_from_db()
    assert task.status == "QUEUED"


def test_tasks_and_sessions_of_another_tenant_are_not_listed(caller: Caller, stranger: Caller) -> None:
    task = stranger.submit(session_id="chat")
    assert caller.client.get(URL).json() == {"tasks": [], "total_count": 0}
    error_of(caller.client.get(URL, {"session_id": str(task.session_id)}), 404)
    error_of(caller.client.get(URL, {"session_id": "chat"}), 404)


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("task_id", [NO_TASK, "task-user-123", "%00", "1", "x" * 500, "{" + NO_TASK + "}"])
def test_an_id_of_no_task_is_not_found(caller: Caller, method: str, path: str, task_id: str) -> None:
    error_of(call(caller.client, method, f"{URL}/{task_id}{path}"), 404)


@pytest.mark.parametrize(("method", "path"), [("get", URL), *((m, f"{URL}/{NO_TASK}{p}") for m, p in ROUTES)])
def test_every_task_endpoint_wants_a_key_and_its_scope(
    caller_with: Callable[..., Caller], method: str, path: str
) -> None:
    error_of(call(Client(), method, path), 401)
    scope = "tasks:read" if method == "post" else "tasks:write"
    error_of(call(caller_with(scope).client, method, path), 403)


def test_a_reader_may_give_its_key_in_the_query_string(caller: Caller) -> None:
    assert Client().get(f"{URL}?api_key={caller.key}").status_code == 200


def test_a_message_under_a_key_is_sent_once_and_says_so(caller: Caller, stranger: Caller) -> None:
    task = caller.submit()
    address, body = f"/api/v1/swarm/{task.id}/message", {"message": "Say it in French."}

    def send(who: Caller, said: dict[str, str]) -> Any:
        headers = {"Idempotency-Key": "k"}
        return who.client.post(address, said, content_type="application/json", headers=headers)

    first, again = send(caller, body), send(caller, body)
    assert first.json() == again.json() == {"success": True, "status": "sent", "number": 1}
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert error_of(send(caller, {"message": "Say it in German."}), 422)["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert error_of(send(stranger, body), 404)["code"] == "TASK_NOT_FOUND", "keys are a tenant's own"
