"""Budgets that ask a person before they are used up."""

from typing import Any
from uuid import UUID

import pytest

from agents.models import JournalEntry
from orchestration.approvals import approval_decide
from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.models import Approval, Event, Task
from orchestration.services import task_submit
from orchestration.types import StepStatus, TaskRequest, TaskStatus
from policy.models import Budget, Reservation
from policy.services import ledger_check
from policy.types import Principal
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)

SUM = "What is 17 * (3 + 4)?"
ASKS = {"budget": {"task": {"tokens": 60_000, "ask_person_percent": 1}}}
PARTS = "Work out:\n- 2 + 3\n- 4 * 5\n- 6 * 7"


def submitted(principal: Principal, **values: Any) -> UUID:
    request = TaskRequest(**{"query": SUM, "mode": "simple", "context": ASKS, **values})
    return task_submit(principal=principal, request=request).task.id


def worked(task_id: UUID) -> list[Approval]:
    """Work until nothing is left to do, and return what is asked."""
    for _ in range(4):
        task_advance(task_id)
        drain(task_id, first=None)
    return list(Approval.objects.filter(task_id=task_id, status="pending").order_by("id"))


def decide(principal: Principal, approval: Approval, *, approved: bool) -> None:
    approval_decide(principal=principal, approval_id=approval.id, task_id=approval.task_id, approved=approved)


def test_a_person_is_asked_once_and_the_step_goes_on_from_its_journal(principal: Principal) -> None:
    task_id = submitted(principal)

    [approval] = worked(task_id)

    assert (approval.action, approval.requested_by) == ("budget.continue", "budget")
    assert "Most of the budget of the task is used" in approval.message
    [budget] = approval.context["budgets"]
    assert (budget["scope"], budget["limit_tokens"]) == ("task", 60_000)
    assert budget["spent_tokens"] >= 600
    assert not Reservation.objects.filter(status="held").exists(), "who waits holds nothing"
    assert Task.objects.get(id=task_id).steps.get().status == StepStatus.WAITING
    decide(principal, approval, approved=True)

    task = play(task_id)

    assert (task.status, "119" in str(task.result)) == (TaskStatus.COMPLETED, True)
    assert Approval.objects.filter(task_id=task_id).count() == 1, "a yes holds for all that comes after it"
    assert Budget.objects.get(scope="task").consented_at is not None
    kinds = list(JournalEntry.objects.filter(task_id=task_id).order_by("position").values_list("kind", flat=True))
    place = kinds.index("approval")
    assert "model" in kinds[:place]
    assert kinds[place + 1] == "model", "the question stands before the call that it is about"
    assert {"APPROVAL_REQUESTED", "APPROVAL_DECISION"} <= set(
        Event.objects.filter(task_id=task_id).values_list("kind", flat=True)
    )
    assert ledger_check() == []


def test_a_no_ends_the_step_and_nothing_more_is_spent(principal: Principal) -> None:
    task_id = submitted(principal)
    [approval] = worked(task_id)
    spent = Budget.objects.get(scope="task").spent_tokens
    decide(principal, approval, approved=False)

    task = play(task_id)

    assert task.status == TaskStatus.FAILED
    assert task.error is not None
    assert task.error["code"] == "APPROVAL_DENIED"
    assert Budget.objects.get(scope="task").spent_tokens == spent


def test_one_decision_holds_for_all_steps_that_wait_for_the_same_budget(principal: Principal) -> None:
    task_id = submitted(principal, query=PARTS, mode="complex")

    asked = worked(task_id)

    assert len(asked) == 3, "each part stopped before its call"
    decide(principal, asked[0], approved=True)
    assert set(Approval.objects.filter(task_id=task_id).values_list("status", flat=True)) == {"approved"}
    assert play(task_id).status == TaskStatus.COMPLETED
    assert Approval.objects.filter(task_id=task_id).count() == 3


def test_a_call_that_does_not_fit_at_all_is_refused_and_nobody_asked(principal: Principal) -> None:
    task_id = submitted(principal, context={"budget": {"task": {"tokens": 100, "ask_person_percent": 1}}})

    assert worked(task_id) == []

    assert Task.objects.get(id=task_id).error["code"] == "BUDGET_EXCEEDED"  # type: ignore[index]
