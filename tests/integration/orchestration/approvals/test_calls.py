"""Calls of tools and models that wait for a person, and go on as the person decides."""

import pytest

from agents.errors import ToolInputInvalid
from agents.models import JournalEntry
from orchestration.errors import UnsupportedOption
from orchestration.models import Step
from orchestration.types import StepStatus, TaskStatus
from policy.models import AuditEntry
from policy.types import Principal
from tests.integration.orchestration.approvals.asking import (
    _no_policies_of_another_test,
    calls,
    decide,
    kinds,
    policy,
    step,
    submitted,
    waiting,
)
from tests.integration.orchestration.playing import play, principal

__all__ = ["_no_policies_of_another_test", "principal"]
pytestmark = pytest.mark.django_db(transaction=True)


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
