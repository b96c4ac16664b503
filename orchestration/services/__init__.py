"""Writes of orchestration: submitting tasks. Callers pass a principal; every write is its tenant's."""

from orchestration.services.direct import fanout_submit, tool_execute
from orchestration.services.inserting import NewTask, SubmittedTask, Trigger, task_insert_once
from orchestration.services.submitting import task_submit

__all__ = [
    "NewTask",
    "SubmittedTask",
    "Trigger",
    "fanout_submit",
    "task_insert_once",
    "task_submit",
    "tool_execute",
]
