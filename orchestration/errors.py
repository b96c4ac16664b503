"""Errors of orchestration."""

from typing import Any

from shannon_project.foundation.errors import Conflict, InvalidInput, NotFound, ShannonError


class HostNotAllowed(InvalidInput):
    """This server is not asked under this name; the operator lists its names in SHANNON_ALLOWED_HOSTS."""

    code = "HOST_NOT_ALLOWED"


class ResourceNotFound(NotFound):
    """There is no such resource; the templates say which there are."""

    code = "RESOURCE_NOT_FOUND"


class UpgradeRequired(ShannonError):
    """This address is a WebSocket's: open it as one."""

    code = "UPGRADE_REQUIRED"
    http_status = 426


class TaskNotFound(NotFound):
    """There is no such task."""

    code = "TASK_NOT_FOUND"


class AgentNotFound(NotFound):
    """There is no such agent."""

    code = "AGENT_NOT_FOUND"


class ApprovalNotFound(NotFound):
    """There is no such approval."""

    code = "APPROVAL_NOT_FOUND"


class ApprovalAlreadyDecided(Conflict):
    """Somebody else decided this already, or it is too late."""

    code = "APPROVAL_ALREADY_DECIDED"


class AnswerMissing(Conflict):
    """The task has no answer of which one could say how good it is."""

    code = "ANSWER_MISSING"


class ScheduleNotFound(NotFound):
    """There is no such schedule."""

    code = "SCHEDULE_NOT_FOUND"


class ScheduleInvalid(InvalidInput):
    """The schedule's times are not ones that can be kept; the message says what to change."""

    code = "SCHEDULE_INVALID"


class ScheduleLimitReached(Conflict):
    """The tenant has as many schedules as it may have; delete one."""

    code = "SCHEDULE_LIMIT_REACHED"


class UnsupportedOption(InvalidInput):
    """This option is not available here."""

    code = "UNSUPPORTED_OPTION"


class IdempotencyMismatch(ShannonError):
    """The same Idempotency-Key was used with another body."""

    code = "IDEMPOTENCY_KEY_REUSED"
    http_status = 422


class QueueFull(ShannonError):
    """The tenant has as many open tasks as it may have; nothing was accepted. `details` say how many."""

    code = "QUEUE_FULL"
    retryable = True
    http_status = 429


class TaskAlreadyFinished(Conflict):
    """The task has already ended."""

    code = "TASK_ALREADY_FINISHED"


class PlanInvalid(ShannonError):
    """The model's plan is not valid, and asking again did not mend it."""

    code = "PLAN_INVALID"
    http_status = 422


class TooManyMessages(Conflict):
    """The task has had as many messages of people as it takes."""

    code = "TOO_MANY_MESSAGES"


class PlanRejected(ShannonError):
    """The plan was not approved, or nobody reviewed it in time."""

    code = "PLAN_REJECTED"
    http_status = 409


class ReviewNotFound(NotFound):
    """This task's plan is not reviewed by anybody: it was not asked for."""

    code = "REVIEW_NOT_FOUND"


class ReviewConflict(Conflict):
    """The review is not what the caller thinks it is; read it again."""

    code = "REVIEW_CONFLICT"


class StepNotFound(NotFound):
    """The task has no such step."""

    code = "STEP_NOT_FOUND"


class TaskNotFinished(Conflict):
    """The task has not ended yet."""

    code = "TASK_NOT_FINISHED"


class HistoryDropped(ShannonError):
    """The run's events and journal are older than what is kept here; there is nothing to replay."""

    code = "HISTORY_DROPPED"
    http_status = 410


class ReplayDiffers(ShannonError):
    """A replay came to something else than was recorded."""

    code = "REPLAY_DIFFERS"
    http_status = 409

    @classmethod
    def at(
        cls, where: str, position: int | None, *, step_key: str = "", recorded: Any = None, replayed: Any = None
    ) -> "ReplayDiffers":
        """Return the error of the first difference."""
        details = {"where": where, "step_key": step_key, "position": position}
        return cls(details={**details, "recorded": recorded, "replayed": replayed})


class TemplateInvalid(InvalidInput):
    """The template cannot be carried out; the message names file and line."""

    code = "TEMPLATE_INVALID"


class TemplateLimitReached(Conflict):
    """The tenant has as many templates as it may have; delete one."""

    code = "TEMPLATE_LIMIT_REACHED"


class TemplateNotFound(NotFound):
    """There is no such template, or not in this version."""

    code = "TEMPLATE_NOT_FOUND"


class StrategyStuck(ShannonError):
    """The strategy waits although no step is open: a defect of the strategy."""

    code = "STRATEGY_STUCK"


class StrategyBroke(ShannonError):
    """The task's strategy cannot say what comes next: a defect of it, or workers are of another version than web."""

    code = "STRATEGY_BROKE"


class WorkerLost(ShannonError):
    """The step ended its worker too often."""

    code = "WORKER_LOST"


class CallAbandoned(ShannonError):
    """A call lasted far longer than it may; it was given up, and the step is run again."""

    code = "CALL_ABANDONED"
    retryable = True
    http_status = 504


class TaskDeadlineExceeded(ShannonError):
    """The task ran out of time."""

    code = "TASK_DEADLINE_EXCEEDED"
    http_status = 504


class SubtasksFailed(ShannonError):
    """Every subtask failed, so there is nothing to answer with."""

    code = "SUBTASKS_FAILED"
    http_status = 502


class ToolDidNotSucceed(ShannonError):
    """What the step calls for did not come: the tool failed, or a server answered with an error."""

    code = "TOOL_DID_NOT_SUCCEED"
    http_status = 502


class DependencyFailed(ShannonError):
    """A step that this one depends on did not succeed."""

    code = "DEPENDENCY_FAILED"
    http_status = 409

    @classmethod
    def of(cls, dependency: str) -> "DependencyFailed":
        """Return the error of a step that is skipped because of `dependency` (a step's key)."""
        message = f"Skipped: the step {dependency}, which it depends on, did not succeed."
        return cls(message, details={"dependency": dependency})
