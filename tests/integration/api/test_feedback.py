"""What people say of answers, over HTTP, on the page of a run and in the admin."""

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Permission, User
from django.test import AsyncClient, Client

from orchestration.api.mcp.task_tools import call, tools_for
from orchestration.engine.finish import task_finish
from orchestration.errors import TaskNotFound
from orchestration.models import AnswerFeedback, Task
from orchestration.strategies import Finish
from policy.errors import ScopeMissing
from shannon_project.foundation.errors import InvalidInput
from tests.integration.api.callers import Caller, error_of

pytestmark = pytest.mark.django_db(transaction=True)


def answered(caller: Caller) -> Task:
    task = caller.submit()
    task_finish(task, Finish("4"))
    return Task.objects.get(id=task.id)


def address(task: Task) -> str:
    return f"/api/v1/tasks/{task.id}/feedback"


def post(caller: Caller, task: Task, body: dict[str, Any], **headers: str) -> Any:
    return caller.client.post(address(task), body, content_type="application/json", headers=headers)


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="a-long-password-1"))
    return client


def test_it_is_given_seen_in_the_task_listed_and_taken_back(caller: Caller) -> None:
    task = answered(caller)
    assert caller.client.get(f"/api/v1/tasks/{task.id}").json()["feedback"] == {"score": None, "count": 0}
    given = post(caller, task, {"rating": "bad", "score": 0.25, "comment": "VAT is missing"}).json()
    said = {"rating": "bad", "score": 0.25, "comment": "VAT is missing", "given_by": "ours-user"}
    assert given == {**said, "given_at": given["given_at"], "task_id": str(task.id)}
    assert caller.client.get(f"/api/v1/tasks/{task.id}").json()["feedback"] == {"score": 0.25, "count": 1}
    listed = caller.client.get(address(task)).json()
    assert listed == {"score": 0.25, "count": 1, "feedback": [{**said, "given_at": listed["feedback"][0]["given_at"]}]}
    events = caller.client.get(f"/api/v1/tasks/{task.id}/events").json()["events"]
    assert [event["type"] for event in events][-2:] == ["STREAM_END", "USER_FEEDBACK"]
    assert caller.client.delete(address(task)).status_code == 204
    assert caller.client.delete(address(task)).status_code == 204
    assert caller.client.get(address(task)).json() == {"score": None, "count": 0, "feedback": []}


def test_a_retry_with_the_same_key_gets_the_same_answer_and_another_body_is_refused(caller: Caller) -> None:
    task = answered(caller)
    first = post(caller, task, {"rating": "good"}, **{"Idempotency-Key": "k"})
    again = post(caller, task, {"rating": "good"}, **{"Idempotency-Key": "k"})
    assert again.json() == first.json()
    assert (first.get("Idempotent-Replayed"), again["Idempotent-Replayed"]) == (None, "true")
    refused = post(caller, task, {"rating": "bad"}, **{"Idempotency-Key": "k"})
    assert error_of(refused, 422)["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert AnswerFeedback.objects.get().rating == "good"


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "rating"),
        ({"rating": "fine"}, "rating"),
        ({"rating": "good", "score": 0.2}, "score"),
        ({"rating": "good", "score": 2}, "score"),
        ({"rating": "good", "score": "0.9"}, "score"),
        ({"rating": "good", "score": True}, "score"),
        ({"rating": "good", "comment": 3}, "comment"),
        ({"rating": "good", "comment": "x" * 4_001}, "comment"),
        ({"rating": "good", "colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(caller: Caller, body: dict[str, Any], word: str) -> None:
    error = error_of(post(caller, answered(caller), body), 400)
    assert word in error["message"] + str(error["details"])
    assert not AnswerFeedback.objects.exists()


def test_another_tenants_task_is_not_there_and_an_open_one_has_no_answer(
    caller: Caller, stranger: Caller, caller_with: Callable[..., Caller]
) -> None:
    task = answered(caller)
    for response in (
        post(stranger, task, {"rating": "bad"}),
        stranger.client.get(address(task)),
        stranger.client.delete(address(task)),
    ):
        assert error_of(response, 404)["code"] == "TASK_NOT_FOUND"
    reader = caller_with("tasks:read")
    assert error_of(post(reader, task, {"rating": "bad"}), 403)["code"] == "SCOPE_MISSING"
    assert reader.client.get(address(task)).status_code == 200
    refused = error_of(post(caller, caller.submit(), {"rating": "bad"}), 409)
    assert (refused["code"], refused["details"]["status"]) == ("ANSWER_MISSING", "QUEUED")


@pytest.mark.parametrize("behind", [0, 1, 2])
async def test_a_stream_ends_all_the_same_and_at_once(behind: int) -> None:
    """From the beginning, after the event before the end, and after the end itself."""
    from tests.integration.api.callers import ALL_SCOPES, caller_of  # noqa: PLC0415 - needs the database

    caller = await sync_to_async(caller_of)("ours", ALL_SCOPES)
    task = await sync_to_async(answered)(caller)
    await sync_to_async(post)(caller, task, {"rating": "good"})
    last = {0: 0, 1: task.event_seq - 1, 2: task.event_seq}[behind]
    headers = {"X-API-Key": caller.key, "Last-Event-ID": str(last)}
    response = await AsyncClient().get(f"/api/v1/stream/sse?workflow_id={task.id}", headers=headers)
    frames = b"".join([part async for part in response.streaming_content]).decode()  # type: ignore[attr-defined]
    assert frames.rstrip().endswith("data: [DONE]")
    assert "ping" not in frames, "nobody waited for more"


async def test_a_client_of_the_protocol_judges_by_a_tool() -> None:
    from tests.integration.api.callers import ALL_SCOPES, caller_of  # noqa: PLC0415 - needs the database

    async def report(*_: object) -> None:
        """Nobody listens."""

    caller = await sync_to_async(caller_of)("ours", ALL_SCOPES)
    stranger = await sync_to_async(caller_of)("theirs", ALL_SCOPES)
    reader = await sync_to_async(caller_of)("ours", ["tasks:read"])
    task = await sync_to_async(answered)(caller)
    said = {"task_id": str(task.id), "rating": "bad", "score": 0.25, "comment": "VAT is missing"}
    result = await call(caller.principal, "judge_answer", said, report)
    assert result.structured_content["feedback"] == {"score": 0.25, "count": 1}
    for principal, arguments, refusal in (
        (stranger.principal, said, TaskNotFound),
        (reader.principal, said, ScopeMissing),
        (caller.principal, {**said, "rating": "good"}, InvalidInput),
        (caller.principal, {**said, "rating": "fine"}, InvalidInput),
    ):
        with pytest.raises(refusal):
            await call(principal, "judge_answer", arguments, report)
    assert "judge_answer" not in {tool.name for tool in tools_for(reader.principal)}


def test_on_the_page_of_a_run_staff_say_it_and_see_what_others_said(staff: Client, caller: Caller) -> None:
    task = answered(caller)
    post(caller, task, {"rating": "good", "comment": "<b>fine</b>"})
    page = f"/console/tasks/{task.id}"
    assert staff.post(f"{page}/feedback", {"rating": "bad", "comment": "no", "score": "0.1"}).status_code == 204
    assert staff.get(f"{page}/state").json()["feedback"] == {
        "score": 0.55,
        "said": [
            {"rating": "bad", "score": 0.1, "comment": "no", "by": "user:root"},
            {"rating": "good", "score": 1.0, "comment": "<b>fine</b>", "by": "ours-user"},
        ],
    }
    refused = staff.post(f"{page}/feedback", {"rating": "good", "score": "0.1"})
    assert (refused.status_code, "score" in refused.json()["error"]["message"]) == (400, True)
    assert staff.post(f"{page}/feedback", {"rating": "great"}).status_code == 400
    assert staff.get(f"{page}/feedback").status_code == 405
    assert 'data-names="[&quot;AGENT_COMPLETED' in staff.get(page).content.decode()


def test_the_page_takes_it_from_staff_who_may_change_tasks_only(caller: Caller) -> None:
    task = answered(caller)
    page = f"/console/tasks/{task.id}/feedback"
    assert Client().post(page, {"rating": "bad"}).status_code == 302
    onlooker = User.objects.create_user("ann", password="a-long-password-1", is_staff=True)
    onlooker.user_permissions.add(Permission.objects.get(codename="view_task"))
    client = Client()
    client.force_login(onlooker)
    assert client.post(page, {"rating": "bad"}).status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create_superuser("root", password="a-long-password-1"))
    assert strict.post(page, {"rating": "bad"}).status_code == 403
    assert not AnswerFeedback.objects.exists()


def test_answers_are_judged_in_the_admin_in_the_name_of_who_is_signed_in(staff: Client, caller: Caller) -> None:
    done, open_task = answered(caller), caller.submit()
    data = {"action": "call_bad", "_selected_action": [str(done.id), str(open_task.id)]}
    page = staff.post("/admin/orchestration/task/", data, follow=True).content.decode()
    assert "1 answers were called bad." in page
    assert "1 tasks have no answer." in page
    assert [(row.task_id, row.rating, row.given_by) for row in AnswerFeedback.objects.all()] == [
        (done.id, "bad", "user:root")
    ]
    assert "0.00 (1)" in staff.get(f"/admin/orchestration/task/{done.id}/change/").content.decode()
    listed = staff.get(f"/admin/orchestration/answerfeedback/?task__id__exact={done.id}").content.decode()
    assert "user:root" in listed
