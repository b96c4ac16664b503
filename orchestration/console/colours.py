"""Which colour a status has, everywhere that people look."""

from collections.abc import Mapping
from typing import Final

from orchestration.types import ApprovalStatus, StepStatus, TaskStatus

STATUS_COLOURS: Final[Mapping[str, str]] = {
    TaskStatus.COMPLETED: "success",
    TaskStatus.RUNNING: "info",
    TaskStatus.FAILED: "danger",
    TaskStatus.TIMEOUT: "danger",
    TaskStatus.CANCELLED: "warning",
    StepStatus.SUCCEEDED: "success",
    StepStatus.RUNNING: "info",
    StepStatus.WAITING: "warning",
    ApprovalStatus.PENDING: "warning",
    ApprovalStatus.APPROVED: "success",
    ApprovalStatus.DENIED: "danger",
    StepStatus.FAILED: "danger",
    StepStatus.SKIPPED: "warning",
    StepStatus.CANCELLED: "warning",
}
