"""The endpoints of approvals, and their pages."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from orchestration.models import Approval, Task
from tests.integration.api.callers import Caller, error_of

pytestmark = pytest.mark.django_db

DECISION = "/api/v1/approvals/decision"


def asked(caller: Caller) -> Approval:
    return Approval.objects.get(task=caller.submit(require_approval=True))


def body_of(approval: Approval, **values: Any) -> dict[str, Any]:
    return {"approval_id": str(approval.id), "workflow_id": str(approval.task_id), "approved": True, **values}


def post(caller: Caller, body: dict[str, Any]) -> Any:
    return caller.client.post(DECISION, body, content_type="application/json")


def test_what_waits_is_listed_and_decided(caller: Caller) -> None:
    approval = asked(caller)
    page = caller.client.get("/api/v1/approvals").json()
    (listed,) = page["approvals"]
    assert page["total_count"] == 1
    assert (listed["approval_id"], listed["workflow_id"]) == (str(approval.id), str(approval.task_id))
    assert (listed["message"], listed["default"], listed["requested_by"]) == ("May this task begin?", "deny", "request")
    assert listed["subject"] == {"query": "What is 2 + 2?"}
    answer = post(caller, body_of(approval, run_id=str(approval.task_id), feedback="go")).json()
    assert (answer["success"], answer["status"]) == (True, "approved")
    assert caller.client.get("/api/v1/approvals").json()["total_count"] == 0
    decided = caller.client.get("/api/v1/approvals", {"status": "approved", "workflow_id": str(approval.task_id)})
    assert decided.json()["approvals"][0]["feedback"] == "go"


def test_listing_costs_the_same_for_many(caller: Caller, django_assert_num_queries: Any) -> None:
    for _ in range(3):
        asked(caller)
    caller.client.get("/api/v1/approvals")
    with django_assert_num_queries(3):  # the key, the page, the count
        assert len(caller.client.get("/api/v1/approvals").json()["approvals"]) == 3


def test_refusals(caller: Caller, stranger: Caller, caller_with: Any) -> None:
    approval = asked(caller)
    assert error_of(post(stranger, body_of(approval)), 404)["code"] == "APPROVAL_NOT_FOUND"
    assert stranger.client.get("/api/v1/approvals").json()["total_count"] == 0
    assert error_of(post(caller_with("tasks:write"), body_of(approval)), 403)["code"] == "SCOPE_MISSING"
    assert error_of(post(caller, body_of(approval, approval_id="nothing")), 404)["code"] == "APPROVAL_NOT_FOUND"
    assert "run_id" in error_of(post(caller, body_of(approval, run_id="other")), 400)["message"]
    assert error_of(post(caller, body_of(approval, approved_by="me")), 400)["code"] == "UNSUPPORTED_OPTION"
    changed = error_of(post(caller, body_of(approval, modified_action={"query": "x"})), 400)
    assert changed["details"] == {"fields": ["modified_action.query"]}
    assert error_of(post(caller, body_of(approval, colour=1)), 400)["details"]["unknown"] == ["colour"]
    assert post(caller, body_of(approval, approved=False)).status_code == 200
    assert error_of(post(caller, body_of(approval)), 409)["code"] == "APPROVAL_ALREADY_DECIDED"


def test_context_that_asks_wrongly_is_refused(caller: Caller) -> None:
    for context in ({"require_approval": "yes"}, {"approval_timeout_seconds": 0}):
        body = {"query": "x", "context": context}
        refused = caller.client.post("/api/v1/tasks", body, content_type="application/json")
        assert f"context.{next(iter(context))}" in error_of(refused, 400)["message"]


def test_staff_decide_in_the_admin_and_see_it_on_the_runs_page(caller: Caller) -> None:
    approval = asked(caller)
    staff = Client()
    staff.force_login(get_user_model().objects.create_superuser("boss", password="x"))
    state = staff.get(reverse("console-run-state", args=[approval.task_id])).json()
    assert state["waits_for"][0]["message"] == "May this task begin?"
    address = reverse("admin:orchestration_approval_changelist")
    assert "May this task begin?" in staff.get(address).content.decode()
    page = staff.get(reverse("admin:orchestration_approval_change", args=[approval.id]))
    assert page.status_code == 200
    staff.post(address, {"action": "deny", "_selected_action": [str(approval.id)]})
    approval.refresh_from_db()
    assert (approval.status, approval.decided_by) == ("denied", "user:boss")
    assert Task.objects.get(id=approval.task_id).status == "FAILED"
    told = staff.post(address, {"action": "approve", "_selected_action": [str(approval.id)]}, follow=True)
    assert "had been decided otherwise" in told.content.decode()
