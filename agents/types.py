"""Values that cross the door of this app."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

EMBEDDING_DIMENSIONS: Final = 256
OUTPUT_TOKENS_MAX: Final = 10_000_000  # that one answer may be asked to have: beyond every model
TITLE_MAX_CHARACTERS: Final = 60

Insert = Callable[[Callable[[], UUID]], None]
"""Who inserts the row of something new: calls what it is given, which returns the row's id, perhaps with more."""

Json = None | bool | int | float | str | list[Any] | dict[str, Any]


def inserted(insert: Callable[[], UUID]) -> None:
    """Insert a row and nothing with it: the usual `Insert`."""
    insert()


class MessageRole(StrEnum):
    """Who speaks in a session."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"  # a caller's own instructions


@dataclass(frozen=True, slots=True)
class NewMemory:
    """Something that is to be remembered, and where it lies in the space of meanings; it is not written yet."""

    tenant_id: UUID
    session_id: UUID | None
    task_id: UUID
    digest: str
    content: str
    embedding: Sequence[float]


class JournalStatus(StrEnum):
    """How far an effect came. `STARTED` after a crash means that nobody knows whether it happened."""

    STARTED = "started"
    FINISHED = "finished"
    FAILED = "failed"


class CacheKind(StrEnum):
    """Where an answer came from that no model was asked for."""

    EXACT = "exact"  # the same request was answered before
    FLIGHT = "flight"  # the same request was being answered, and its answer was shared
    SEMANTIC = "semantic"  # a request that means the same was answered before


class UnknownOutcome(StrEnum):
    """What becomes of an effect of which nobody knows whether it happened, and which must not simply be repeated."""

    FAIL = "fail"  # the step stops with OUTCOME_UNKNOWN
    ASK = "ask"  # a person decides whether it is done again
    RETRY = "retry"  # it is done again: twice is better than not at all, or the other side knows its idempotency key


@dataclass(frozen=True, slots=True)
class Usage:
    """What an agent used. `cost_usd` is None when a price was unknown: unknown is not zero."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal | None = Decimal(0)
    model_calls: int = 0
    tool_calls: int = 0

    @property
    def total_tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens

    def with_model_call(self, *, prompt_tokens: int, completion_tokens: int, cost_usd: Decimal | None) -> "Usage":
        """Return this usage with one more model call; an unknown cost makes the sum unknown."""
        known = self.cost_usd is not None and cost_usd is not None
        return replace(
            self,
            prompt_tokens=self.prompt_tokens + prompt_tokens,
            completion_tokens=self.completion_tokens + completion_tokens,
            cost_usd=self.cost_usd + cost_usd if known else None,  # type: ignore[operator]
            model_calls=self.model_calls + 1,
        )

    def plus(self, other: "Usage") -> "Usage":
        """Return both together; an unknown cost makes the sum unknown."""
        known = self.cost_usd is not None and other.cost_usd is not None
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cost_usd=self.cost_usd + other.cost_usd if known else None,  # type: ignore[operator]
            model_calls=self.model_calls + other.model_calls,
            tool_calls=self.tool_calls + other.tool_calls,
        )

    def with_tool_call(self, count: int = 1) -> "Usage":
        """Return this usage with so many more tool calls."""
        return replace(self, tool_calls=self.tool_calls + count)


@dataclass(frozen=True, slots=True)
class SubtaskResult:
    """How a subtask ended, as the steps that build on it see it.

    `status` is a step's final status (`succeeded`, `failed`, `skipped`, `cancelled`); `text` is empty unless it
    succeeded, `error` is None unless it did not. `characters` is the length of the whole text where `text` is only
    its beginning.
    """

    id: str
    title: str
    status: str
    text: str
    error: str | None = None
    characters: int | None = None


@dataclass(frozen=True, slots=True)
class AgentSpec:
    """What an agent is asked to do, with what, and how far it may go.

    `max_turns` counts model calls, at least 1; None takes the role's. `max_output_tokens` is per model call; None
    takes the role's. `history` holds `(role, content)` pairs, oldest first. `workspace_overview` empty: no files.
    `sampling` goes along with every model call, see `ModelRequest.options`.
    `guidance` is added to the role's prompt. `answer_format` is one of `agents.loop.formats`; empty: any.
    `team_actions` names what the agent may do towards its team (`agents.loop.team`).
    `takes_role_tools`: nobody said which tools it has, so a role that is not the default one brings its own; with
    `more_tools` beside them, those of a skill.
    `hears_people`: whether it is told what people say to the task while it runs, rather than a lead who passes it on.
    """

    instruction: str
    tools: tuple[str, ...] = ()
    tier: str | None = None
    model_override: str | None = None
    max_turns: int | None = None
    max_output_tokens: int | None = None
    history: tuple[tuple[str, str], ...] = ()
    dependencies: tuple[SubtaskResult, ...] = ()
    workspace_overview: str = ""
    role: str = "generalist"
    sampling: Mapping[str, Any] = field(default_factory=dict)
    guidance: str = ""
    answer_format: str = ""
    team_actions: tuple[str, ...] = ()
    takes_role_tools: bool = False
    more_tools: tuple[str, ...] = ()
    hears_people: bool = False


@dataclass(frozen=True, slots=True)
class AgentResult:
    """An agent's answer and what it took.

    `turns` counts model calls. `stop_reason`: `answered`; `turns_exhausted` (it had to answer in its last turn); or
    `length` (the answer was cut at its token limit). `model` and `provider` are those of the last call. `posts` are
    its team actions in order, `{"action", ...arguments}`. `format_problem`: how the answer misses the format asked for.
    """

    text: str
    usage: Usage
    turns: int
    model: str
    provider: str
    stop_reason: str = "answered"
    posts: tuple[Mapping[str, Any], ...] = ()
    format_problem: str = ""


@dataclass(frozen=True, slots=True)
class PersonMessage:
    """What a person said to a running task; `number` from 1, `to` empty: whoever works."""

    number: int
    text: str
    to: str = ""


BUDGET_CONTINUE: Final = "budget.continue"
"""The action of the question whether it may go on although most of a budget is used."""


class AskedBy(StrEnum):
    """What made a step wait for a person."""

    POLICY = "policy"  # a Rego policy said `require_approval`
    TOOL = "tool"  # the tool is marked so, or the tool itself asks
    REQUEST = "request"  # whoever submitted the task wanted it
    BUDGET = "budget"  # most of a budget is used
    OUTCOME_UNKNOWN = "outcome_unknown"  # an effect may have happened and must not simply be repeated


@dataclass(frozen=True, slots=True)
class ApprovalAsk:
    """What a person is asked.

    Attributes:
        action: What would be done, for example `tool.call`; at most 64 characters.
        subject: What the question is about, as JSON. A step that is run again must ask about the same.
        message: The question, one sentence for a person.
        requested_by: What made the step ask.
        context: More for the person to see; bounded when it is stored.
        modifiable: Keys that the decision's `modified_action` may have; empty: it can only be approved or denied.
        timeout_seconds: How long to wait, above 0; None: `SHANNON_APPROVAL_TIMEOUT_SECONDS`.
        approve_by_default: The verdict when nobody decides in time.
    """

    action: str
    subject: Mapping[str, Any]
    message: str
    requested_by: AskedBy
    context: Mapping[str, Any] = field(default_factory=dict)
    modifiable: tuple[str, ...] = ()
    timeout_seconds: float | None = None
    approve_by_default: bool = False


@dataclass(frozen=True, slots=True)
class ApprovalAnswer:
    """What a person said, or what holds because nobody did in time (`expired`).

    `modified_action` has values that replace those of the subject; None: nothing was changed.
    """

    approval_id: UUID
    approved: bool
    decided_by: str
    feedback: str = ""
    modified_action: Mapping[str, Any] | None = None
    expired: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return JSON values from which `from_json` makes the same answer."""
        return {
            "approval_id": str(self.approval_id),
            "approved": self.approved,
            "decided_by": self.decided_by,
            "feedback": self.feedback,
            "modified_action": None if self.modified_action is None else dict(self.modified_action),
            "expired": self.expired,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ApprovalAnswer":
        """Return what `as_json` was given."""
        return cls(**{**value, "approval_id": UUID(value["approval_id"])})


GOOD_SCORE: Final = 0.5
"""From this score on, from 0 to 1, what people say of an answer means that it is good."""


@dataclass(frozen=True, slots=True)
class MemoryHit:
    """Something remembered. `score` is the cosine similarity to the question, from -1 to 1.

    `feedback_score` is how good people call it, from 0 to 1 (None: nobody said), `feedback_comment` their last word.
    """

    content: str
    score: float
    task_id: UUID
    created_at: datetime
    feedback_score: float | None = None
    feedback_comment: str = ""

    @property
    def rating(self) -> str | None:
        """`good`, `bad`, or None where nobody said."""
        if self.feedback_score is None:
            return None
        return "good" if self.feedback_score >= GOOD_SCORE else "bad"


@dataclass(frozen=True, slots=True)
class ToolError:
    """Why a tool call failed. `final`: the same tool will not do it, whatever the arguments."""

    code: str
    message: str
    final: bool
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """How a tool call ended: an output, or an error that the model is told.

    `references` name what was cut out of a long output; the tool `output_read` reads it. `note`: what a person said.
    `calls`: how many calls of other tools it made; they have entries in the journal of their own.
    """

    ok: bool
    output: Json = None
    error: ToolError | None = None
    references: tuple[str, ...] = ()
    note: str = ""
    calls: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return `{"ok": true, "output"}` or `{"ok": false, "error": {"code", "message", "final", "details"}}`.

        With an output that was cut come its `references`, and `note` where there is one.
        """
        return {**self._outcome(), "note": self.note} if self.note else self._outcome()

    def _outcome(self) -> dict[str, Any]:
        if self.error is None:
            whole = {"references": list(self.references)} if self.references else {}
            return {"ok": True, "output": self.output, **whole}
        error = self.error
        shown = {"code": error.code, "message": error.message, "final": error.final}
        return {"ok": False, "error": {**shown, "details": dict(error.details)} if error.details else shown}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ToolResult":
        """Return what `as_json` was given."""
        note = value.get("note", "")
        if value["ok"]:
            return cls(ok=True, output=value["output"], references=tuple(value.get("references", ())), note=note)
        error = value["error"]
        told = ToolError(error["code"], error["message"], error["final"], error.get("details", {}))
        return cls(ok=False, error=told, note=note)


@dataclass(frozen=True, slots=True)
class ToolInfo:
    """What the API and a planner may know of a tool. `parameters` and `returns` are JSON schemas.

    `implicit`: agents are offered it when they have a use for it, or when a role or a template names it.
    """

    name: str
    description: str
    category: str
    parameters: Mapping[str, Any]
    dangerous: bool
    idempotent: bool
    needs_network: bool
    timeout_seconds: float
    implicit: bool = False
    requires_approval: bool = False
    calls_per_minute: int | None = None
    cache_seconds: int = 0
    returns: Mapping[str, Any] = field(default_factory=dict)
    cost_usd: float | None = 0.0

    @property
    def source(self) -> str:
        """What registered it: `builtin`, or the first part of a tenant's tool's name, for example `mcp`."""
        kind, is_tenants, _ = self.name.partition("__")
        return kind if is_tenants else "builtin"
