"""Decisions: in time or not, once or twice, by whom, and what becomes of the task's clock."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db.models.functions import Now

from agents.models import JournalEntry
from orchestration.approvals import approval_decide
from orchestration.control import task_cancel, task_pause, task_resume
from orchestration.engine.advance import task_advance
from orchestration.engine.claim import steps_claim
from orchestration.engine.execute import execute
from orchestration.engine.facts import task_facts
from orchestration.engine.lease import KEEPER
from orchestration.engine.recover import recover
from orchestration.errors import ApprovalAlreadyDecided, ApprovalNotFound
from orchestration.forking import ForkRequest, task_fork
from orchestration.models import Approval, Event, Step, Task
from orchestration.types import StepStatus, TaskStatus
from policy.types import Principal
from tests.integration.orchestration.approvals.asking import (
    _no_policies_of_another_test,
    decide,
    kinds,
    policy,
    submitted,
    waiting,
)
from tests.integration.orchestration.playing import play, principal

__all__ = ["_no_policies_of_another_test", "principal"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_nobody_decides_in_time_and_the_default_holds(principal: Principal) -> None:
    more = 'obligations contains {"approval_default": "approve", "approval_timeout_seconds": 60}'
    policy(principal, 'input.resource.name == "calculator"', more=more)
    allowed = submitted(principal)
    approval = waiting(allowed)
    assert approval.approve_by_default
    assert recover().approvals_expired == 0
    Approval.objects.filter(id=approval.id).update(expires_at=Now() - timedelta(seconds=1))
    assert recover().approvals_expired == 1
    with pytest.raises(ApprovalAlreadyDecided, match="expired"):
        decide(principal, approval, approved=False)
    task = play(allowed)
    assert (task.status, task.tool_calls) == (TaskStatus.COMPLETED, 1)
    assert Event.objects.get(task_id=allowed, kind="APPROVAL_DECISION").payload["expired"] is True

    policy(principal, 'input.resource.name == "calculator"')
    refused = submitted(principal)
    Approval.objects.filter(id=waiting(refused).id).update(expires_at=Now() - timedelta(seconds=1))
    recover()
    play(refused)
    entry = JournalEntry.objects.get(task_id=refused, kind="tool")
    assert (entry.response or {})["error"]["message"] == "Nobody allowed this in time."


def test_the_tasks_clock_stands_still_while_it_waits_or_is_paused(principal: Principal) -> None:
    policy(principal, 'input.resource.name == "calculator"')
    task_id = submitted(principal)
    approval = waiting(task_id)
    ago = Now() - timedelta(hours=3)
    Task.objects.filter(id=task_id).update(deadline_at=Now() - timedelta(hours=2), clock_stopped_at=ago)
    task_advance(task_id)
    assert Task.objects.get(id=task_id).status == TaskStatus.RUNNING
    task_pause(principal=principal, task_id=task_id)
    decide(principal, approval)
    assert Task.objects.get(id=task_id).clock_stopped_at is not None, "it is paused still"
    task_resume(principal=principal, task_id=task_id)
    task = Task.objects.get(id=task_id)
    assert task.clock_stopped_at is None
    assert task.deadline_at - task.updated_at < timedelta(hours=1, minutes=1), "the hours are added once"
    assert play(task_id).status == TaskStatus.COMPLETED


def test_cancelling_withdraws_the_question_and_cancels_the_waiting_step(principal: Principal) -> None:
    policy(principal, 'input.resource.name == "calculator"')
    task_id = submitted(principal)
    approval = waiting(task_id)
    assert task_cancel(principal=principal, task_id=task_id)
    assert Step.objects.get(task_id=task_id).status == StepStatus.CANCELLED
    approval.refresh_from_db()
    assert approval.status == "withdrawn"
    with pytest.raises(ApprovalAlreadyDecided, match="withdrawn"):
        decide(principal, approval)
    task = Task.objects.get(id=task_id)
    assert task.prompt_tokens > 0, "what the step used before it waited is counted"


def test_a_decision_that_comes_before_the_worker_has_let_go_is_not_lost(principal: Principal) -> None:
    policy(principal, 'input.resource.name == "calculator"')
    task_id = submitted(principal)
    task_advance(task_id)
    (claimed,) = steps_claim(task_id=task_id, first=None, owner="me", limit=1)
    batch = KEEPER.hold([claimed])
    taken = batch.take_next()
    assert taken is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("orchestration.engine.execute.leases_hand_back", lambda _: None)
        assert execute(*taken, task_facts(task_id)) is None
    KEEPER.drop(batch)
    approval = Approval.objects.get(task_id=task_id)
    decide(principal, approval)
    assert Step.objects.get(task_id=task_id).status == StepStatus.RUNNING
    Step.objects.filter(task_id=task_id).update(lease_until=Now() - timedelta(seconds=1))
    recover()
    assert play(task_id).status == TaskStatus.COMPLETED


def test_the_same_decision_may_be_repeated_and_another_is_refused(principal: Principal) -> None:
    task_id = submitted(principal, require_approval=True)
    approval = waiting(task_id)
    assert decide(principal, approval).status == "approved"
    assert decide(principal, approval).status == "approved"
    with pytest.raises(ApprovalAlreadyDecided) as refused:
        decide(principal, approval, approved=False)
    assert refused.value.details == {"status": "approved", "decided_by": "key:test"}
    assert kinds(task_id).count("APPROVAL_DECISION") == 1


def test_another_tenants_approval_is_not_there(principal: Principal) -> None:
    approval = waiting(submitted(principal, require_approval=True))
    stranger = Principal(uuid4(), "key:other", "other", principal.scopes)
    with pytest.raises(ApprovalNotFound):
        decide(stranger, approval)
    with pytest.raises(ApprovalNotFound):
        approval_decide(principal=principal, approval_id=approval.id, task_id=uuid4(), approved=True)


def test_a_fork_asks_again_for_what_a_person_allowed(principal: Principal) -> None:
    policy(principal, 'input.resource.name == "calculator"')
    source_id = submitted(principal)
    approval = waiting(source_id)
    decide(principal, approval)
    play(source_id)
    assert approval.position is not None
    request = ForkRequest(from_step_key="agent", from_position=approval.position + 1)
    made = task_fork(principal=principal, task_id=source_id, request=request).task
    again = waiting(made.id)
    assert (again.position, again.status) == (approval.position, "pending")
