"""Stopping a task, for good or for a while. Who did it and why is kept with the task and in its events."""

from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from agents.errors import TaskCancelled
from orchestration.engine.approvals import clock_start, clock_stop
from orchestration.engine.dispatch import ring_advance
from orchestration.engine.finish import task_stop
from orchestration.errors import TaskNotFound
from orchestration.events.write import EventDraft, events_append
from orchestration.models import Task
from orchestration.types import TASK_TERMINAL, EventKind, TaskStatus
from policy.types import Principal


def task_cancel(*, principal: Principal, task_id: UUID, reason: str = "") -> bool:
    """Cancel a task. Returns False when it had already ended.

    Raises:
        TaskNotFound: There is no such task in the principal's tenant.
    """
    with transaction.atomic():
        task = _locked(principal, task_id)
        if task.status in TASK_TERMINAL:
            return False
        error = TaskCancelled(reason or "Cancelled by request.")
        task_stop(task, status=TaskStatus.CANCELLED, error=error, by=principal.actor)
    return True


def task_pause(*, principal: Principal, task_id: UUID, reason: str = "") -> bool:
    """Pause a task until it is resumed; pausing a paused one changes nothing.

    Steps that wait are not begun. One that runs finishes the model or tool call that it is in, begins no other, and
    goes on from its journal afterwards. Time spent paused does not count against the deadline.

    Returns:
        Whether the task is paused now; False when it had already ended.

    Raises:
        TaskNotFound: There is no such task in the principal's tenant.
    """
    with transaction.atomic():
        task = _locked(principal, task_id)
        if task.status in TASK_TERMINAL:
            return False
        if task.status == TaskStatus.PAUSED:
            return True
        reason = reason or "Paused by request."
        Task.objects.filter(id=task.id).update(
            status=TaskStatus.PAUSED,
            paused_at=Now(),
            updated_at=Now(),
            status_reason=reason[:500],
            status_changed_by=principal.actor[:128],
        )
        clock_stop(task.id)
        payload = {"reason": reason, "by": principal.actor}
        kinds = (EventKind.WORKFLOW_PAUSING, EventKind.WORKFLOW_PAUSED)
        events_append(task_id=task.id, drafts=[EventDraft(kind, reason, payload) for kind in kinds])
    return True


def task_resume(*, principal: Principal, task_id: UUID, reason: str = "") -> bool:
    """Let a paused task go on.

    Returns:
        Whether it was paused.

    Raises:
        TaskNotFound: There is no such task in the principal's tenant.
    """
    with transaction.atomic():
        task = _locked(principal, task_id)
        if task.status != TaskStatus.PAUSED:
            return False
        reason = reason or "Resumed by request."
        Task.objects.filter(id=task.id).update(
            status=TaskStatus.QUEUED if task.started_at is None else TaskStatus.RUNNING,
            paused_at=None,
            updated_at=Now(),
            status_reason="",
            status_changed_by=principal.actor[:128],
        )
        clock_start(task.id)
        payload = {"reason": reason, "by": principal.actor}
        events_append(task_id=task.id, drafts=[EventDraft(EventKind.WORKFLOW_RESUMED, reason, payload)])
    ring_advance(task_id, principal.tenant_id, priority=task.priority)
    return True


def _locked(principal: Principal, task_id: UUID) -> Task:
    task = Task.objects.select_for_update(no_key=True).filter(id=task_id, tenant_id=principal.tenant_id).first()
    if task is None:
        raise TaskNotFound(details={"task_id": str(task_id)})
    return task
