"""What every tool is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agents.types import Json, ToolError, ToolInfo, UnknownOutcome


@dataclass(frozen=True, slots=True)
class ToolContext:
    """For whom a tool works, and how long it may take (`timeout_seconds` > 0).

    `idempotency_key` is the same whenever this call is made again: for services that do the same request once.
    """

    tenant_id: UUID
    session_id: UUID
    task_id: UUID
    timeout_seconds: float
    idempotency_key: str = ""


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
        category: For people: `compute`, `files`, `memory` or `web`.
        parameters: JSON schema of the arguments; arguments that do not fit never reach `execute`.
        dangerous: Whether it changes the world outside the platform.
        requires_approval: Whether a person must agree to every call.
        idempotent: Whether it may run again when a crash left open if it ran.
        needs_network: Whether it reaches outside the platform, through the guard for outgoing requests.
        unknown_outcome: What to do about a call that is not idempotent when nobody knows whether it happened;
            `SHANNON_TOOL_UNKNOWN_OUTCOME` says otherwise by name.
        implicit: Whether agents are offered it when they have a use for it, so that it is in nobody's list of tools.
        timeout_seconds: The most that one call may take; `ToolContext` says what is left of it.
    """

    name: str
    description: str
    category: str
    parameters: Mapping[str, Any]
    dangerous: bool = False
    requires_approval: bool = False
    idempotent: bool = True
    needs_network: bool = False
    unknown_outcome: UnknownOutcome = UnknownOutcome.FAIL
    implicit: bool = False
    timeout_seconds: float = 10.0

    @abstractmethod
    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Do it.

        Raises:
            ToolInputInvalid: The arguments fit the schema but make no sense; the model can mend them.
            ToolFailed: It cannot be done.
            ShannonError: A retryable one stops the step, which is tried again; any other is told to the model.
        """

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
        )
