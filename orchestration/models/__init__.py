"""Rows of orchestration. Constraints only: services change rows, selectors read them."""

from orchestration.models.approvals import Approval
from orchestration.models.idempotency import IdempotencyRecord
from orchestration.models.outcomes import AnswerFeedback, RouteRecord
from orchestration.models.schedules import Schedule, ScheduleRun
from orchestration.models.tasks import Event, Step, Task
from orchestration.models.templates import WorkflowTemplate
from orchestration.models.workers import WorkerPresence

__all__ = [
    "AnswerFeedback",
    "Approval",
    "Event",
    "IdempotencyRecord",
    "RouteRecord",
    "Schedule",
    "ScheduleRun",
    "Step",
    "Task",
    "WorkerPresence",
    "WorkflowTemplate",
]
