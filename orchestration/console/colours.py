"""Which colour a status has, everywhere that people look."""

from collections.abc import Mapping
from typing import Final

from orchestration.types import StepStatus, TaskStatus

STATUS_COLOURS: Final[Mapping[str, str]] = {
    TaskStatus.COMPLETED: "success",
    TaskStatus.RUNNING: "info",
    TaskStatus.FAILED: "danger",
    TaskStatus.TIMEOUT: "danger",
    TaskStatus.CANCELLED: "warning",
    StepStatus.SUCCEEDED: "success",
    StepStatus.RUNNING: "info",
    StepStatus.FAILED: "danger",
    StepStatus.SKIPPED: "warning",
    StepStatus.CANCELLED: "warning",
}
