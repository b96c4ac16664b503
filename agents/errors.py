"""Errors of agents at work."""

from shannon_project.foundation.errors import NotFound, ShannonError


class TaskCancelled(ShannonError):
    """The task was cancelled."""

    code = "TASK_CANCELLED"
    http_status = 409


class StepSuperseded(ShannonError):
    """Another worker holds this step now; whatever this one does is not recorded."""

    code = "STEP_SUPERSEDED"
    http_status = 409


class StepDeadlineExceeded(ShannonError):
    """The step ran out of time."""

    code = "STEP_DEADLINE_EXCEEDED"
    http_status = 504


class SessionNotFound(NotFound):
    """There is no such session."""

    code = "SESSION_NOT_FOUND"
