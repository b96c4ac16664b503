"""The admin is a window: run data is read-only, newest first, JSON cut short; what it changes goes through services."""

from orchestration.admin.answers import AnswerFeedbackAdmin
from orchestration.admin.approvals import ApprovalAdmin
from orchestration.admin.base import JSON_SHOWN_CHARS
from orchestration.admin.records import RouteRecordAdmin
from orchestration.admin.runs import EventAdmin, IdempotencyRecordAdmin, StepAdmin, TaskAdmin
from orchestration.admin.schedules import ScheduleAdmin, ScheduleRunAdmin
from orchestration.admin.templates import WorkflowTemplateAdmin

__all__ = [
    "JSON_SHOWN_CHARS",
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
