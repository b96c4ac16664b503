"""Decisions of people about what waits for them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from agents.errors import ToolInputInvalid
from agents.selectors import arguments_check, tool_for
from agents.services import storable_json
from agents.types import BUDGET_CONTINUE
from orchestration.engine.approvals.closing import Closing, approval_close
from orchestration.engine.dispatch import ring_advance
from orchestration.errors import ApprovalAlreadyDecided, ApprovalNotFound, UnsupportedOption
from orchestration.models import Approval, Task
from orchestration.types import ApprovalStatus
from policy.services import audit_record
from policy.types import Action, AuditOutcome, Principal
from shannon_project.foundation.errors import InvalidInput


def approval_decide(
    *,
    principal: Principal,
    approval_id: UUID,
    task_id: UUID,
    approved: bool,
    feedback: str = "",
    modified_action: Mapping[str, Any] | None = None,
) -> Approval:
    """Decide. What waited goes on at once, with the changes; a decision that was made already may be repeated.

    One about a budget holds for all steps of the task that wait for the same one.

    Args:
        principal: Who decides.
        approval_id: What is decided.
        task_id: Its task.
        approved: The verdict.
        feedback: What the person has to say; whoever asked is told.
        modified_action: What replaces parts of the subject, by the keys that the approval lists as `modifiable`.

    Raises:
        ApprovalNotFound: There is no such approval in the tenant, or it is another task's.
        ApprovalAlreadyDecided: It was decided otherwise, expired, or its task has ended.
        UnsupportedOption: `modified_action` has a key that cannot be changed here, or comes with a denial.
        ToolInputInvalid: The changed arguments do not fit the tool (the caller's fault).
    """
    approval = _approval_of(principal, approval_id, task_id)
    changes = _changes_check(approval, approved, modified_action)
    verdict = ApprovalStatus.APPROVED if approved else ApprovalStatus.DENIED
    with transaction.atomic():
        task = Task.objects.select_for_update(no_key=True).get(id=task_id)
        if not approval_close(task, approval, Closing(verdict, principal.actor, feedback, changes)):
            return _earlier(approval_id, verdict, changes)
        for other in _same_question(approval):
            approval_close(task, other, Closing(verdict, principal.actor, feedback))
        audit_record(
            tenant_id=principal.tenant_id,
            actor=principal.actor,
            action="approval.decide",
            outcome=AuditOutcome.ALLOWED if approved else AuditOutcome.DENIED,
            reason=feedback,
            resource={"approval_id": str(approval_id), "task_id": str(task_id), "action": approval.action},
        )
    ring_advance(task_id, principal.tenant_id)
    return _approval_of(principal, approval_id, task_id)


def _approval_of(principal: Principal, approval_id: UUID, task_id: UUID) -> Approval:
    found = Approval.objects.select_related("step").filter(
        id=approval_id, task_id=task_id, tenant_id=principal.tenant_id
    )
    if (approval := found.first()) is None:
        raise ApprovalNotFound(details={"approval_id": str(approval_id), "workflow_id": str(task_id)})
    return approval


def _same_question(approval: Approval) -> list[Approval]:
    """Return what else waits for the same answer: steps of the task that stopped at the same budgets."""
    if approval.action != BUDGET_CONTINUE:
        return []
    asked = Approval.objects.select_related("step").filter(
        task_id=approval.task_id, action=BUDGET_CONTINUE, status=ApprovalStatus.PENDING
    )
    return [other for other in asked.order_by("id") if _budgets_of(other) == _budgets_of(approval)]


def _budgets_of(approval: Approval) -> set[tuple[Any, ...]]:
    names = ("scope", "scope_id", "period")
    return {tuple(budget.get(name) for name in names) for budget in approval.context.get("budgets", ())}


def _earlier(approval_id: UUID, verdict: ApprovalStatus, changes: Mapping[str, Any] | None) -> Approval:
    """Return what was decided before, if it is the same."""
    approval = Approval.objects.get(id=approval_id)
    if (approval.status, approval.modified_action) != (verdict, changes):
        raise ApprovalAlreadyDecided(
            f"This is {approval.status} already.",
            details={"status": approval.status, "decided_by": approval.decided_by},
        )
    return approval


def _changes_check(
    approval: Approval, approved: bool, modified_action: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """Return the changes as they are stored; None for none."""
    if not modified_action:
        return None
    if not approved:
        raise UnsupportedOption("modified_action: goes with an approval only.", details={"field": "modified_action"})
    unknown = sorted(set(modified_action) - set(approval.modifiable))
    if unknown:
        allowed = ", ".join(approval.modifiable) or "nothing"
        raise UnsupportedOption(
            f"modified_action: {', '.join(unknown)[:200]} cannot be changed here; what can: {allowed}.",
            details={"fields": [f"modified_action.{key}"[:200] for key in unknown]},
        )
    if approval.action == Action.TOOL_CALL and "arguments" in modified_action:
        _arguments_check(approval, modified_action["arguments"])
    return storable_json(modified_action)[0]


def _arguments_check(approval: Approval, arguments: Any) -> None:
    """Refuse what does not fit the tool, while somebody is there to mend it; the call itself checks again."""
    if not isinstance(arguments, dict):
        raise InvalidInput("modified_action.arguments: must be an object.")
    tool = approval.subject.get("tool")
    if not isinstance(tool, str):
        return  # the subject was too large to be kept whole
    try:
        arguments_check(tool_for(tool, tenant_id=approval.tenant_id), arguments)
    except ToolInputInvalid as error:
        raise ToolInputInvalid(f"modified_action.arguments: {error.message}", details=error.details) from error


__all__ = ["approval_decide"]
