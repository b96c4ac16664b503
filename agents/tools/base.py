"""What every tool is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.conf import settings

from agents.types import ApprovalAnswer, ApprovalAsk, Json, ToolError, ToolInfo, UnknownOutcome


class FileUse(StrEnum):
    """What a tool does with the session's files: calls of one turn that would spoil each other's are made in turn."""

    NONE = "none"
    READS = "reads"
    WRITES = "writes"
    RUNS = "runs"  # a program: it works on a copy, and what it changed is put back at its end


@dataclass(frozen=True, slots=True)
class ToolContext:
    """For whom a tool works, and how long it may take (`timeout_seconds` > 0).

    `idempotency_key` is the same whenever this call is made again: for services that do the same request once.
    `is_repeated`: an earlier attempt began this call, and nobody knows whether it happened.
    `answer`: what a person said to the tool's `question`. `may_use_dangerous`: the principal has the scope for it.
    """

    tenant_id: UUID
    session_id: UUID
    task_id: UUID
    timeout_seconds: float
    idempotency_key: str = ""
    is_repeated: bool = False
    answer: ApprovalAnswer | None = None
    may_use_dangerous: bool = False


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """What a tool gives back.

    Attributes:
        output: A JSON value for the model.
        files_changed: Paths in the session's workspace that were made, changed or deleted.
        error: Set when the tool did its part but what it was asked for did not succeed.
    """

    output: Json = None
    files_changed: tuple[str, ...] = ()
    error: ToolError | None = None


class Tool(ABC):
    """Something an agent may call. Implementations keep no state between calls and are used from many threads.

    A built-in tool sets the attributes on its class; one of a tenant's own, on the instance.

    Attributes:
        name: How models call it: letters, digits and `_`.
        description: For models: what it does, and when to use it.
        category: For people: `compute`, `files`, `memory`, `people` or `web`.
        parameters: JSON schema of the arguments; arguments that do not fit never reach `execute`.
        returns: JSON schema of an output that was not cut; empty: it is not known.
        cost_usd: What one call costs the operator in US dollars; None: unknown. It is told, and paid from no budget;
            `SHANNON_TOOL_LIMITS` says otherwise by name.
        dangerous: Whether it changes the world outside the platform.
        requires_approval: Whether a person must agree to every call.
        idempotent: Whether it may run again when a crash left open if it ran.
        needs_network: Whether it reaches outside the platform, through the guard for outgoing requests.
        unknown_outcome: What to do about a call that is not idempotent when nobody knows whether it happened;
            `SHANNON_TOOL_UNKNOWN_OUTCOME` says otherwise by name.
        file_use: What it does with the session's files.
        implicit: Whether agents are offered it only when they have a use for it, or a role or a template names it.
        timeout_seconds: The most that one call may take; `ToolContext` says what is left of it.
        calls_per_minute: How often a tenant may call it, over all workers; None: as often as it likes.
        cache_seconds: How long an answer is given again to the same arguments of the same tenant; 0: never. Only for
            a tool whose answer depends on nothing else, and never for one that is dangerous or needs an approval.
            `SHANNON_TOOL_LIMITS` says otherwise about both by name.
    """

    name: str
    description: str
    category: str
    parameters: Mapping[str, Any]
    returns: Mapping[str, Any] = MappingProxyType({})
    cost_usd: float | None = 0.0
    dangerous: bool = False
    requires_approval: bool = False
    idempotent: bool = True
    needs_network: bool = False
    unknown_outcome: UnknownOutcome = UnknownOutcome.FAIL
    file_use: FileUse = FileUse.NONE
    implicit: bool = False
    timeout_seconds: float = 10.0
    calls_per_minute: int | None = None
    cache_seconds: int = 0

    @abstractmethod
    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Do it.

        Raises:
            ToolInputInvalid: The arguments fit the schema but make no sense; the model can mend them.
            ToolFailed: It cannot be done.
            ShannonError: A retryable one stops the step, which is tried again; any other is told to the model.
        """

    def told(self, tenant_id: UUID) -> str:  # noqa: ARG002 - most say the same to everybody
        """Return the description as a tenant's models get it."""
        return self.description

    def question(self, arguments: Mapping[str, Any]) -> ApprovalAsk | None:  # noqa: ARG002 - most ask nothing
        """Return what a person is asked before the tool works; it is then given the answer, a denial too.

        Not asked where a policy denies the call. Only `action` and `subject` must be the same each time.

        Raises:
            ToolInputInvalid: As for `execute`.
        """
        return None

    def is_lasting(self, output: Json) -> bool:  # noqa: ARG002 - most answers are
        """Return whether an answer is good enough to be kept for `cache_seconds`."""
        return True

    def call_limit(self) -> int | None:
        """Return how many calls a minute a tenant may make: the operator's word before the tool's. None: any."""
        limit: int | None = settings.SHANNON_TOOL_LIMITS.get(self.name, {}).get(
            "calls_per_minute", self.calls_per_minute
        )
        return limit

    def kept_seconds(self) -> int:
        """Return how long an answer may be given again: the operator's word before the tool's; 0: never.

        Never that of a call that changes something, that a person has to agree to, or whose answer depends on more
        than its arguments: the session's files, or what is remembered.
        """
        depends_on_more = self.file_use is not FileUse.NONE or self.category == "memory"
        if self.dangerous or self.requires_approval or not self.idempotent or depends_on_more:
            return 0
        return int(settings.SHANNON_TOOL_LIMITS.get(self.name, {}).get("cache_seconds", self.cache_seconds))

    def info(self) -> ToolInfo:
        """Return what others may know of this tool."""
        return ToolInfo(
            name=self.name,
            description=self.description,
            category=self.category,
            parameters=self.parameters,
            dangerous=self.dangerous,
            idempotent=self.idempotent,
            needs_network=self.needs_network,
            implicit=self.implicit,
            timeout_seconds=self.timeout_seconds,
            requires_approval=self.requires_approval,
            calls_per_minute=self.call_limit(),
            cache_seconds=self.kept_seconds(),
            returns=self.returns,
            cost_usd=settings.SHANNON_TOOL_LIMITS.get(self.name, {}).get("cost_usd", self.cost_usd),
        )
