"""`POST /api/v1/tasks/{id}/fork`, and how lineage is shown."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from orchestration.models import Step, Task
from tests.integration.api.callers import Caller, error_of

pytestmark = pytest.mark.django_db


def source_of(caller: Caller) -> Task:
    """Return a task of one finished step."""
    task = caller.submit("What is 2 + 2?")
    Step.objects.create(
        task=task,
        key="agent",
        position=0,
        kind="agent",
        title="Answer",
        input={"instruction": task.query, "is_final": True},
        status="succeeded",
        output={"text": "4"},
    )
    Task.objects.filter(id=task.id).update(status="COMPLETED", result="4")
    return task


def post(caller: Caller, task: Task, body: dict[str, Any], **headers: str) -> Any:
    address = f"/api/v1/tasks/{task.id}/fork"
    return caller.client.post(address, body, content_type="application/json", headers=headers)


def test_a_fork_is_answered_like_a_submit_and_both_tasks_show_it(caller: Caller) -> None:
    source = source_of(caller)
    answer = post(caller, source, {"from_step_key": "agent", "edits": {"model_tier": "small"}})
    assert answer.status_code == 200, answer.content
    assert answer["X-Workflow-ID"] == answer.json()["task_id"]
    made = caller.client.get(f"/api/v1/tasks/{answer.json()['task_id']}").json()
    assert made["forked_from"] == {
        "task_id": str(source.id),
        "step_key": "agent",
        "position": None,
        "copied": {"steps": 0, "journal_entries": 0, "total_tokens": 0, "cost_usd": "0"},
    }
    assert made["forks"] == []
    shown = caller.client.get(f"/api/v1/tasks/{source.id}").json()
    assert (shown["forked_from"], shown["forks"]) == (None, [made["task_id"]])


def test_the_admin_links_source_and_fork(caller: Caller) -> None:
    source = source_of(caller)
    fork_id = post(caller, source, {"from_step_key": "agent"}).json()["task_id"]
    staff = Client()
    staff.force_login(User.objects.create_superuser("root", password="a-long-password-1"))
    for shown, linked in ((source.id, fork_id), (fork_id, source.id)):
        page = staff.get(f"/admin/orchestration/task/{shown}/change/").content.decode()
        assert f'href="/admin/orchestration/task/{linked}/change/"' in page


def test_a_repeated_request_gets_the_first_fork(caller: Caller) -> None:
    source = source_of(caller)
    answers = [post(caller, source, {"from_step_key": "agent"}, **{"Idempotency-Key": "k"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert answers[1]["Idempotent-Replayed"] == "true"
    assert source.forks.count() == 1


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "from_step_key"),
        ({"from_step_key": "nothing"}, "nothing"),
        ({"from_step_key": "agent", "colour": 1}, "colour"),
        ({"from_step_key": "agent", "edits": {"colour": 1}}, "colour"),
        ({"from_step_key": "agent", "edits": {"tool_output": {"position": 0}}}, "output"),
        ({"from_step_key": "agent", "from_position": -1}, "from_position"),
    ],
)
def test_a_wrong_fork_is_refused_by_the_name_of_what_is_wrong(caller: Caller, body: dict[str, Any], named: str) -> None:
    error = error_of(post(caller, source_of(caller), body), 400)
    assert named in str(error)


def test_another_tenants_task_is_not_there(caller: Caller, stranger: Caller) -> None:
    error = error_of(post(stranger, source_of(caller), {"from_step_key": "agent"}), 404)
    assert error["code"] == "TASK_NOT_FOUND"
