"""Putting a question to people and reading what they said. The caller holds the task's row lock where it writes."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now

from agents.services import bounded_json
from agents.types import ApprovalAnswer, ApprovalAsk
from orchestration.engine.approvals.clock import clock_start, clock_stop
from orchestration.events.write import EventDraft
from orchestration.metrics import APPROVALS_ASKED, APPROVALS_CLOSED
from orchestration.models import Approval
from orchestration.types import ApprovalStatus, EventKind
from shannon_project.foundation.ids import uuid7
from shannon_project.foundation.text import storable_text

SHOWN_MAX_BYTES = 64 * 1024  # of what a person is shown; whoever decides should see all of it
EVENT_MAX_BYTES = 16 * 1024


def approval_put(
    *,
    tenant_id: UUID,
    task_id: UUID,
    ask: ApprovalAsk,
    step_id: UUID | None = None,
    step_key: str = "",
    position: int | None = None,
) -> EventDraft | None:
    """Insert a question and stop the task's clock; without a step the whole task waits.

    Returns:
        The event that tells of it; None when this place of the journal has its question already.
    """
    timeout_seconds = min(
        ask.timeout_seconds or settings.SHANNON_APPROVAL_TIMEOUT_SECONDS, settings.SHANNON_APPROVAL_MAX_TIMEOUT_SECONDS
    )
    if step_id is not None and Approval.objects.filter(step_id=step_id, position=position).exists():
        return None
    approval_id = uuid7()
    subject, context = (bounded_json(value, SHOWN_MAX_BYTES) for value in (ask.subject, ask.context))
    Approval.objects.create(
        id=approval_id,
        tenant_id=tenant_id,
        task_id=task_id,
        step_id=step_id,
        position=position,
        action=ask.action[:64],
        message=storable_text(ask.message),
        subject=subject,
        context=context,
        modifiable=list(ask.modifiable),
        requested_by=ask.requested_by,
        approve_by_default=ask.approve_by_default,
        expires_at=Now() + timedelta(seconds=timeout_seconds),
    )
    clock_stop(task_id)
    APPROVALS_ASKED.labels(requested_by=ask.requested_by.value).inc()
    payload = {
        "approval_id": str(approval_id),
        "action": ask.action,
        "requested_by": ask.requested_by.value,
        "subject": subject,
        "context": context,
        "modifiable": list(ask.modifiable),
        "timeout_seconds": timeout_seconds,
        "default": "approve" if ask.approve_by_default else "deny",
        "position": position,
    }
    return EventDraft(EventKind.APPROVAL_REQUESTED, ask.message, bounded_json(payload, EVENT_MAX_BYTES), step_key)


def approval_answer(*, step_id: UUID, position: int) -> ApprovalAnswer | None:
    """Return what was decided at a place of a step's journal; None while it is open. One query."""
    approval = Approval.objects.filter(step_id=step_id, position=position).first()
    if approval is None or approval.status == ApprovalStatus.PENDING:
        return None
    is_expired = approval.status == ApprovalStatus.EXPIRED
    return ApprovalAnswer(
        approval_id=approval.id,
        approved=approval.approve_by_default if is_expired else approval.status == ApprovalStatus.APPROVED,
        decided_by=approval.decided_by,
        feedback=approval.feedback,
        modified_action=approval.modified_action,
        expired=is_expired,
    )


def approvals_withdraw(task_id: UUID) -> None:
    """Take back what is still asked of a task that ends: there is nothing to decide any more."""
    withdrawn = Approval.objects.filter(task_id=task_id, status=ApprovalStatus.PENDING).update(
        status=ApprovalStatus.WITHDRAWN, decided_at=Now()
    )
    APPROVALS_CLOSED.labels(outcome=ApprovalStatus.WITHDRAWN.value).inc(withdrawn)


def questions_withdraw(task_id: UUID, step_ids: Sequence[UUID]) -> None:
    """Take back what is still asked for steps that have ended without success: the answer would help nobody."""
    withdrawn = Approval.objects.filter(step_id__in=step_ids, status=ApprovalStatus.PENDING).update(
        status=ApprovalStatus.WITHDRAWN, decided_at=Now()
    )
    if withdrawn:
        clock_start(task_id)
        APPROVALS_CLOSED.labels(outcome=ApprovalStatus.WITHDRAWN.value).inc(withdrawn)
