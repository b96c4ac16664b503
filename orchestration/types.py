"""Words of orchestration: statuses, step kinds, event kinds, and the values that cross a room's door."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from agents.types import NewMemory, Usage


class TaskStatus(StrEnum):
    """Where a task is. The names are those that the official client knows."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMEOUT = "TIMEOUT"


TASK_TERMINAL = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.TIMEOUT})


class Priority(StrEnum):
    """Which of a tenant's tasks goes first when they wait for workers; it takes nothing from other tenants."""

    CRITICAL = "critical"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


PRIORITY_RANK = {priority: rank for rank, priority in enumerate(Priority)}
"""What is stored: 0 goes first."""


class StepStatus(StrEnum):
    """Where a step is. Only `READY` may be claimed, `WAITING` is for a person; the last four are final."""

    BLOCKED = "blocked"  # waits for the steps it depends on
    READY = "ready"
    RUNNING = "running"
    WAITING = "waiting"  # for a person's decision; no worker holds it
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"  # a step it depends on did not succeed
    CANCELLED = "cancelled"


STEP_TERMINAL = frozenset({StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.SKIPPED, StepStatus.CANCELLED})
STEP_OPEN = frozenset({StepStatus.BLOCKED, StepStatus.READY, StepStatus.RUNNING, StepStatus.WAITING})


class ApprovalStatus(StrEnum):
    """Where a question to a person is. `EXPIRED`: nobody decided in time, so its default holds."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"  # its task ended first


class StepKind(StrEnum):
    """What a step does; each kind is one file in `engine/kinds/`."""

    PLAN = "plan"
    AGENT = "agent"
    DECIDE = "decide"
    SYNTHESIZE = "synthesize"
    TOOL = "tool"
    MESSAGE = "message"  # what somebody told a running task: done from the start, never claimed
    NOOP = "noop"
    REVIEW = "review"


PLAN_REVIEW = "plan.review"
"""The action of an approval that is a review of a plan: to deny it with feedback asks for another plan."""


class ScheduleStatus(StrEnum):
    """Where a schedule is; the names are those of the official client."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    DELETED = "DELETED"


class OverlapPolicy(StrEnum):
    """What becomes of a run that is due while an earlier one goes on."""

    SKIP = "skip"
    QUEUE = "queue"  # it begins when the earlier one has ended
    ALLOW = "allow"


class MissedRunPolicy(StrEnum):
    """What becomes of runs that were due while nobody could start them."""

    SKIP = "skip"
    ONCE = "once"  # one run makes up for all of them


class RunOutcome(StrEnum):
    """What became of one time at which a schedule was due."""

    QUEUED = "queued"  # it will begin
    STARTED = "started"
    SKIPPED = "skipped"
    REFUSED = "refused"  # the platform did not accept its task; the reason says why


class Rating(StrEnum):
    """What a person says of an answer."""

    GOOD = "good"
    BAD = "bad"


class OnDependencyFailure(StrEnum):
    """What becomes of a step when one that it depends on did not succeed."""

    SKIP = "skip"
    RUN = "run"


class EventKind(StrEnum):
    """Kinds of stored events; the names are those of the reference system, so existing viewers work."""

    WORKFLOW_STARTED = "WORKFLOW_STARTED"
    WORKFLOW_COMPLETED = "WORKFLOW_COMPLETED"
    WORKFLOW_FAILED = "WORKFLOW_FAILED"
    WORKFLOW_PAUSING = "WORKFLOW_PAUSING"
    WORKFLOW_PAUSED = "WORKFLOW_PAUSED"
    WORKFLOW_RESUMED = "WORKFLOW_RESUMED"
    WORKFLOW_CANCELLING = "WORKFLOW_CANCELLING"
    WORKFLOW_CANCELLED = "WORKFLOW_CANCELLED"
    APPROVAL_REQUESTED = "APPROVAL_REQUESTED"
    APPROVAL_DECISION = "APPROVAL_DECISION"
    HITL_RESPONSE = "HITL_RESPONSE"
    RESEARCH_PLAN_READY = "RESEARCH_PLAN_READY"
    RESEARCH_PLAN_UPDATED = "RESEARCH_PLAN_UPDATED"
    RESEARCH_PLAN_APPROVED = "RESEARCH_PLAN_APPROVED"
    REVIEW_USER_FEEDBACK = "REVIEW_USER_FEEDBACK"
    STATUS_UPDATE = "STATUS_UPDATE"
    PROGRESS = "PROGRESS"
    BUDGET_THRESHOLD = "BUDGET_THRESHOLD"
    LEAD_DECISION = "LEAD_DECISION"
    TEAM_RECRUITED = "TEAM_RECRUITED"
    TEAM_STATUS = "TEAM_STATUS"
    ROLE_ASSIGNED = "ROLE_ASSIGNED"
    TASKLIST_UPDATED = "TASKLIST_UPDATED"
    MESSAGE_SENT = "MESSAGE_SENT"
    MESSAGE_RECEIVED = "MESSAGE_RECEIVED"
    DELEGATION = "DELEGATION"
    AGENT_STARTED = "AGENT_STARTED"
    AGENT_COMPLETED = "AGENT_COMPLETED"
    AGENT_THINKING = "AGENT_THINKING"
    LLM_PROMPT = "LLM_PROMPT"
    LLM_OUTPUT = "LLM_OUTPUT"
    TOOL_INVOKED = "TOOL_INVOKED"
    TOOL_OBSERVATION = "TOOL_OBSERVATION"
    DEPENDENCY_SATISFIED = "DEPENDENCY_SATISFIED"
    WORKSPACE_UPDATED = "WORKSPACE_UPDATED"
    ERROR_OCCURRED = "ERROR_OCCURRED"
    ERROR_RECOVERY = "ERROR_RECOVERY"
    USER_FEEDBACK = "USER_FEEDBACK"
    STREAM_END = "STREAM_END"


@dataclass(frozen=True, slots=True)
class StepSpec:
    """A step that a strategy wants. `key` is unique in its task; `depends_on` names keys."""

    key: str
    kind: StepKind
    title: str
    input: Mapping[str, Any] = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()
    on_dependency_failure: OnDependencyFailure = OnDependencyFailure.SKIP


@dataclass(frozen=True, slots=True)
class StepView:
    """What a strategy may know of a step. `output` is None until it succeeded, `error` until it failed."""

    key: str
    kind: StepKind
    status: StepStatus
    title: str
    depends_on: tuple[str, ...]
    output: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class TaskView:
    """What a strategy may know of a task: its request and its steps, by key, in the order they were made."""

    task_id: UUID
    query: str
    parameters: Mapping[str, Any]
    steps: Mapping[str, StepView]


@dataclass(frozen=True, slots=True)
class TaskRequest:
    """What a caller asks for; `mode` empty means that the router chooses the strategy.

    `conversation` holds `(role, content)` of what was said before, oldest first, and `system` the caller's
    instructions. `sampling` goes along with the model calls under OpenAI's names, `max_output_tokens` bounds the
    answer.
    """

    query: str
    session_id: str | None = None
    context: Mapping[str, Any] = field(default_factory=dict)
    mode: str = ""
    model_tier: str | None = None
    model_override: str | None = None
    provider_override: str | None = None
    max_concurrent_agents: int | None = None
    conversation: tuple[tuple[str, str], ...] = ()
    system: str = ""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    max_output_tokens: int | None = None
    require_approval: bool = False
    strategy_parameters: Mapping[str, Any] | None = None
    role: str | None = None
    skill: str | None = None
    max_iterations: int | None = None
    force_swarm: bool = False
    research_strategy: str | None = None
    enable_verification: bool | None = None
    template: str | None = None
    template_inputs: Mapping[str, Any] | None = None
    response_format: Mapping[str, Any] | None = None
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """How one execution of a step ended: an output, or an error as `ShannonError.as_json()` gives it.

    `memories` are remembered with it.
    """

    output: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    usage: Usage = field(default_factory=Usage)
    model_used: str = ""
    provider: str = ""
    memories: tuple[NewMemory, ...] = ()
