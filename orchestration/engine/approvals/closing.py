"""Closing a question: by a person's decision, or by the clock. What waited for it goes on, or ends."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now

from agents.services import bounded_json, denied
from agents.types import ApprovalAnswer
from orchestration.engine.approvals.clock import clock_start
from orchestration.engine.dispatch import ring_advance
from orchestration.engine.finish import task_fail
from orchestration.events.write import EventDraft, events_append
from orchestration.metrics import APPROVALS_CLOSED
from orchestration.models import Approval, Task
from orchestration.types import PLAN_REVIEW, ApprovalStatus, EventKind
from shannon_project.foundation.errors import ShannonError

log = structlog.get_logger(__name__)

BY_THE_CLOCK = "system"


@dataclass(frozen=True, slots=True)
class Closing:
    """How a question is closed. `status` is approved, denied or expired; then the question's default holds."""

    status: ApprovalStatus
    decided_by: str
    feedback: str = ""
    modified_action: Mapping[str, Any] | None = None


def approval_close(task: Task, approval: Approval, closing: Closing) -> bool:
    """Close a question by compare-and-set, and let go on what waited for it. Returns False when it was closed before.

    The caller holds the task's row lock, and rings for the task after its commit.
    """
    closed = Approval.objects.filter(id=approval.id, status=ApprovalStatus.PENDING).update(
        status=closing.status,
        decided_by=closing.decided_by[:128],
        feedback=closing.feedback,
        modified_action=None if closing.modified_action is None else dict(closing.modified_action),
        decided_at=Now(),
    )
    if not closed:
        return False
    APPROVALS_CLOSED.labels(outcome=closing.status.value).inc()
    clock_start(task.id)
    is_expired = closing.status is ApprovalStatus.EXPIRED
    answer = ApprovalAnswer(
        approval_id=approval.id,
        approved=approval.approve_by_default if is_expired else closing.status is ApprovalStatus.APPROVED,
        decided_by=closing.decided_by,
        feedback=closing.feedback,
        modified_action=closing.modified_action,
        expired=is_expired,
    )
    events_append(task_id=task.id, drafts=[_decision_event(approval, answer), *_review_events(approval, answer)])
    if approval.step_id is not None:
        _step_release(approval.step_id)
    elif answer.approved:
        _task_release(task.id)
    else:
        task_fail(task, denied(answer).as_json())
    return True


def _decision_event(approval: Approval, answer: ApprovalAnswer) -> EventDraft:
    verdict = "approved" if answer.approved else "denied"
    how = "nobody decided in time" if answer.expired else f"by {answer.decided_by}"
    step_key = "" if approval.step is None else approval.step.key
    payload = bounded_json({**answer.as_json(), "action": approval.action, "position": approval.position}, 16 * 1024)
    return EventDraft(EventKind.APPROVAL_DECISION, f"{approval.message} {verdict}, {how}"[:1_000], payload, step_key)


def _review_events(approval: Approval, answer: ApprovalAnswer) -> list[EventDraft]:
    """Return what is told besides, where the question was whether a plan is right."""
    if approval.action != PLAN_REVIEW:
        return []
    payload = {"round": approval.subject.get("round"), "by": answer.decided_by, "message": answer.feedback}
    step_key = "" if approval.step is None else approval.step.key
    if answer.approved:
        return [EventDraft(EventKind.RESEARCH_PLAN_APPROVED, "The plan is approved", payload, step_key)]
    if answer.feedback:
        return [EventDraft(EventKind.REVIEW_USER_FEEDBACK, answer.feedback, payload, step_key)]
    return []


def _step_release(step_id: UUID) -> None:
    """Make a step claimable that waits for nothing more. One that still runs is set aside by its worker, who looks."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orchestration_step s SET status = 'ready', ready_at = now(), not_before = NULL, rung_at = NULL"
            " WHERE id = %s AND status = 'waiting'"
            " AND NOT EXISTS (SELECT 1 FROM orchestration_approval a WHERE a.step_id = s.id AND a.status = 'pending')",
            [step_id],
        )


def _task_release(task_id: UUID) -> None:
    """Let a task begin. A fork has its steps already, so it runs from now on."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orchestration_task t SET started_at = COALESCE(started_at, now()),"
            " status = CASE WHEN status = 'QUEUED' THEN 'RUNNING' ELSE status END"
            " WHERE id = %s AND EXISTS (SELECT 1 FROM orchestration_step s WHERE s.task_id = t.id)",
            [task_id],
        )


def approvals_expire() -> int:
    """Close what nobody decided in time, by the database's clock; one batch. Returns how many were closed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT task_id, id FROM orchestration_approval WHERE status = 'pending' AND expires_at < now()"
            " ORDER BY expires_at LIMIT %s",
            [settings.SHANNON_RECOVER_BATCH],
        )
        due: dict[UUID, list[UUID]] = defaultdict(list)
        for task_id, approval_id in cursor.fetchall():
            due[task_id].append(approval_id)
    closed = 0
    for task_id, approval_ids in due.items():
        try:
            closed += _expire(task_id, approval_ids)
        except (DatabaseError, ShannonError):  # one task that cannot be mended must not hold back all others
            log.exception("approvals_not_expired", task_id=str(task_id))
    return closed


def _expire(task_id: UUID, approval_ids: list[UUID]) -> int:
    with transaction.atomic():
        task = Task.objects.select_for_update(no_key=True, skip_locked=True).filter(id=task_id).first()
        if task is None:
            return 0  # somebody works on it just now: the next pass looks again
        closing = Closing(ApprovalStatus.EXPIRED, BY_THE_CLOCK)
        approvals = Approval.objects.select_related("step").filter(id__in=approval_ids).order_by("id")
        closed = sum(approval_close(task, approval, closing) for approval in approvals)
    ring_advance(task_id, task.tenant_id, priority=task.priority)
    return closed
