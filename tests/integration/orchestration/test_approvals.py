"""Steps that wait for people: put, decided, expired, withdrawn, on a real database with the real engine."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db.models.functions import Now

from agents.errors import ToolInputInvalid
from agents.models import JournalEntry
from orchestration.approvals import approval_decide
from orchestration.control import task_cancel, task_pause, task_resume
from orchestration.engine.advance import task_advance
from orchestration.engine.claim import steps_claim
from orchestration.engine.drain import drain
from orchestration.engine.execute import execute
from orchestration.engine.lease import KEEPER
from orchestration.engine.recover import recover
from orchestration.engine.step_engine import task_facts
from orchestration.errors import ApprovalAlreadyDecided, ApprovalNotFound, UnsupportedOption
from orchestration.forking import ForkRequest, task_fork
from orchestration.models import Approval, Event, Step, Task
from orchestration.services import task_submit, tool_execute
from orchestration.types import StepStatus, TaskRequest, TaskStatus
from policy.models import AuditEntry
from policy.services import policies_forget, policy_save
from policy.types import Principal
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)

SUM = "What is 17 * (3 + 4)?"


@pytest.fixture(autouse=True)
def _no_policies_of_another_test() -> Iterator[None]:
    policies_forget()
    yield
    policies_forget()


def policy(principal: Principal, condition: str, action: str = "tool.call", more: str = "") -> None:
    """Let a policy of the tenant ask a person where the condition holds."""
    rego = f"""package tenant.people
import rego.v1
actions := {{"{action}"}}
require_approval contains "A person must look at this." if {{ {condition} }}
{more}
"""
    policy_save(name="people", rego=rego, tenant_id=principal.tenant_id)
    policies_forget()


def submitted(principal: Principal, **values: Any) -> UUID:
    request = TaskRequest(**{"query": SUM, "mode": "simple", **values})
    return task_submit(principal=principal, request=request).task.id


def step(task_id: UUID) -> None:
    """Let a worker do what there is to do now."""
    task_advance(task_id)
    drain(task_id, first=None)


def waiting(task_id: UUID) -> Approval:
    """Work until the task waits, and return for what."""
    step(task_id)
    return Approval.objects.get(task_id=task_id, status="pending")


def decide(principal: Principal, approval: Approval, *, approved: bool = True, **values: Any) -> Approval:
    return approval_decide(
        principal=principal, approval_id=approval.id, task_id=approval.task_id, approved=approved, **values
    )


def kinds(task_id: UUID) -> list[str]:
    return list(Event.objects.filter(task_id=task_id).order_by("seq").values_list("kind", flat=True))


def calls(task_id: UUID) -> list[tuple[str, str]]:
    rows = JournalEntry.objects.filter(task_id=task_id).order_by("position")
    return list(rows.values_list("kind", "status"))


def test_a_policy_makes_a_tool_call_wait_without_a_worker_and_a_decision_lets_it_go_on(principal: Principal) -> None:
    policy(principal, 'input.resource.name == "calculator"')
    task_id = submitted(principal)
    approval = waiting(task_id)
    held = Step.objects.get(task_id=task_id)
    assert (held.status, held.lease_owner, held.failures) == (StepStatus.WAITING, "", 0)
    assert (approval.action, approval.requested_by, approval.message) == (
        "tool.call",
        "policy",
        "May agent call calculator?",
    )
    assert approval.subject["arguments"] == {"expression": "17 * (3 + 4)"}
    assert approval.context["reason"] == "A person must look at this."
    step(task_id)
    assert Step.objects.get(task_id=task_id).attempt == held.attempt, "nobody takes a step that waits"
    decide(principal, approval, feedback="fine")
    task = play(task_id)
    assert (task.status, task.tool_calls) == (TaskStatus.COMPLETED, 1)
    assert "119" in (task.result or "")
    told = kinds(task_id)
    assert told.index("APPROVAL_REQUESTED") < told.index("APPROVAL_DECISION") < told.index("TOOL_INVOKED")
    entry = JournalEntry.objects.get(task_id=task_id, kind="approval")
    assert (entry.status, entry.position) == ("finished", approval.position)
    assert calls(task_id).count(("model", "finished")) == 2, "no model call was repeated"
    audit = AuditEntry.objects.get(action="approval.decide")
    assert (audit.outcome, audit.actor, audit.reason) == ("allowed", "key:test", "fine")


def test_changed_arguments_are_the_ones_that_the_tool_gets(principal: Principal) -> None:
    policy(principal, 'input.resource.name == "calculator"')
    task_id = submitted(principal)
    approval = waiting(task_id)
    with pytest.raises(ToolInputInvalid, match="expression"):
        decide(principal, approval, modified_action={"arguments": {"expresion": "1"}})
    with pytest.raises(UnsupportedOption, match="colour"):
        decide(principal, approval, modified_action={"colour": 1})
    decide(principal, approval, modified_action={"arguments": {"expression": "2 * 21"}}, feedback="a better one")
    assert play(task_id).status == TaskStatus.COMPLETED
    entry = JournalEntry.objects.get(task_id=task_id, kind="tool")
    assert entry.request["arguments"] == {"expression": "2 * 21"}
    assert entry.response is not None
    assert entry.response["output"]["result"] == 42
    told = (
        JournalEntry.objects.filter(task_id=task_id, kind="model").latest("position").request["messages"][-1]["content"]
    )
    assert "A person changed the arguments" in told
    assert "a better one" in told


def test_a_policy_may_still_deny_what_a_person_changed(principal: Principal) -> None:
    deny = 'deny contains "Not that one." if { input.resource.arguments.expression == "6 * 7" }'
    policy(principal, 'input.resource.name == "calculator"', more=deny)
    task_id = submitted(principal)
    decide(principal, waiting(task_id), modified_action={"arguments": {"expression": "6 * 7"}})
    play(task_id)
    entry = JournalEntry.objects.get(task_id=task_id, kind="tool")
    assert entry.response is not None
    assert entry.response["error"]["code"] == "POLICY_DENIED"


def test_a_denied_tool_call_is_told_to_the_model_which_goes_on(principal: Principal) -> None:
    policy(principal, 'input.resource.name == "calculator"')
    task_id = submitted(principal)
    decide(principal, waiting(task_id), approved=False, feedback="do it in your head")
    task = play(task_id)
    assert task.status == TaskStatus.COMPLETED
    entry = JournalEntry.objects.get(task_id=task_id, kind="tool")
    assert entry.response is not None
    assert entry.response["error"]["code"] == "APPROVAL_DENIED"
    assert "do it in your head" in entry.response["error"]["message"]


def test_a_model_call_waits_and_a_denial_fails_its_step(principal: Principal) -> None:
    policy(principal, 'input.resource.purpose == "agent"', action="model.call")
    task_id = submitted(principal)
    approval = waiting(task_id)
    assert approval.action == "model.call"
    assert approval.context["resource"]["model"].startswith("offline/")
    with pytest.raises(UnsupportedOption, match="cannot be changed"):
        decide(principal, approval, modified_action={"model": "x"})
    decide(principal, approval, approved=False)
    task = play(task_id)
    assert (task.status, (task.error or {})["code"]) == (TaskStatus.FAILED, "APPROVAL_DENIED")


def test_a_request_may_want_a_person_before_the_task_begins(principal: Principal) -> None:
    task_id = submitted(principal, require_approval=True)
    step(task_id)
    recover()
    assert not Step.objects.filter(task_id=task_id).exists()
    assert Task.objects.get(id=task_id).status == TaskStatus.QUEUED
    approval = Approval.objects.get(task_id=task_id)
    assert (approval.requested_by, approval.action, approval.step_id) == ("request", "task.submit", None)
    decide(principal, approval)
    assert play(task_id).status == TaskStatus.COMPLETED


def test_a_task_that_may_not_begin_fails_with_what_the_person_said(principal: Principal) -> None:
    task_id = submitted(principal, context={"require_approval": True, "approval_timeout_seconds": 60})
    approval = waiting(task_id)
    assert timedelta(seconds=50) < approval.expires_at - approval.created_at <= timedelta(seconds=61)
    decide(principal, approval, approved=False, feedback="too dear")
    task = Task.objects.get(id=task_id)
    assert (task.status, (task.error or {})["details"]["feedback"]) == (TaskStatus.FAILED, "too dear")


def test_a_policy_makes_submits_forks_and_direct_calls_wait(principal: Principal) -> None:
    source = play(submitted(principal))
    policy(principal, "true", action="task.submit")
    held = [
        submitted(principal),
        task_fork(principal=principal, task_id=source.id, request=ForkRequest(from_step_key="agent")).task.id,
        tool_execute(principal=principal, name="calculator", arguments={"expression": "1"}, session_id=None).task.id,
    ]
    for task_id in held:
        approval = waiting(task_id)
        assert not Step.objects.filter(task_id=task_id, attempt__gt=0).exists()
        decide(principal, approval)
        assert play(task_id).status == TaskStatus.COMPLETED


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
