"""The admin is a window: run data is read-only, newest first, JSON cut short; what it changes goes through services."""

from orchestration.admin.answers import AnswerFeedbackAdmin
from orchestration.admin.approvals import ApprovalAdmin
from orchestration.admin.records import RouteRecordAdmin
from orchestration.admin.runs import EventAdmin, IdempotencyRecordAdmin, StepAdmin, TaskAdmin
from orchestration.admin.schedules import ScheduleAdmin, ScheduleRunAdmin
from orchestration.admin.templates import WorkflowTemplateAdmin

__all__ = [
    "AnswerFeedbackAdmin",
    "ApprovalAdmin",
    "EventAdmin",
    "IdempotencyRecordAdmin",
    "RouteRecordAdmin",
    "ScheduleAdmin",
    "ScheduleRunAdmin",
    "StepAdmin",
    "TaskAdmin",
    "WorkflowTemplateAdmin",
]
