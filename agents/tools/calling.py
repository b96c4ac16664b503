"""A tool call as the platform makes it: checked, authorised, recorded, and made once."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from django.conf import settings
from django.db import Error as DatabaseError

from agents.approvals import Permit
from agents.context import Emit, StepContext
from agents.errors import ApprovalDenied, ToolInputInvalid
from agents.journal import Effect, Journal, bounded_json, bounded_text
from agents.metrics import TOOL_CALLS
from agents.tools.arguments import arguments_check, arguments_from
from agents.tools.base import Tool, ToolContext
from agents.tools.long_output import output_shown
from agents.tools.registry import tool_for
from agents.types import ToolError, ToolResult, UnknownOutcome
from policy.errors import PolicyDenied
from policy.types import Action
from shannon_project.foundation.errors import InvalidInput, NotFound, ShannonError

log = structlog.get_logger(__name__)

_EVENT_MAX_BYTES = 16 * 1024
_THOUGHT_MAX_CHARACTERS = 2_000
_MIN_TIMEOUT_SECONDS = 0.1


def tool_call(
    ctx: StepContext,
    journal: Journal,
    name: str,
    arguments: str,
    *,
    offered: tuple[str, ...] | None = None,
    thought: str = "",
) -> ToolResult:
    """Call a tool for a step, or return what it gave in an earlier attempt of the step.

    Arguments that do not fit, a denial by a policy or a person and a tool's own failure are results, for the model to
    see, and recorded like any other; only what stops the step is raised. Where a policy or the tool wants a person to
    agree, the step waits; arguments that the person changed are the ones that the tool gets, and the model is told.

    Args:
        ctx: The step.
        journal: The step's journal.
        name: The tool.
        arguments: A JSON object as text, as models write it.
        offered: The only tools that may be called; None: all that there are.
        thought: What the model said about it, shown as AGENT_THINKING.

    Raises:
        TaskCancelled, StepSuperseded, StepDeadlineExceeded: The step must not go on.
        StepWaits: A person is asked.
        OutcomeUnknown: An earlier attempt started the call, and the tool may not be run twice.
        ShannonError: A retryable failure of something that the tool needs; the step may be tried again.
    """
    try:
        parsed, refusal = arguments_from(arguments), None
    except ToolInputInvalid as error:
        parsed, refusal = {"text": arguments}, _refused(error)
    if offered is not None and name not in offered:
        message = f"There is no tool {name[:100]!r} here; there are: {', '.join(offered) or 'none'}."
        refusal = ToolResult(ok=False, error=ToolError("TOOL_NOT_FOUND", message, final=True))
    return _Call(ctx, journal, name, parsed, thought=thought, refusal=refusal).run()


@dataclass(slots=True)
class _Call:
    ctx: StepContext
    journal: Journal
    name: str
    arguments: dict[str, Any]
    thought: str = ""
    refusal: ToolResult | None = None
    tool: Tool | None = None
    files_changed: tuple[str, ...] = field(default=())
    may_repeat: bool = True
    permit: Permit = field(init=False)

    def __post_init__(self) -> None:
        subject = {"tool": self.name, "arguments": self.arguments}
        self.permit = Permit(
            self.ctx,
            self.journal,
            Action.TOOL_CALL,
            subject=lambda: subject,
            message=f"May {self.ctx.agent_id} call {self.name[:100]}?",
            modifiable=("arguments",),
        )

    def run(self) -> ToolResult:
        self.permit.recall()
        self._take_changes()
        if self.journal.will_perform():
            self.ctx.engine.checkpoint()
            self.refusal = self.refusal or self._refusal()
        response = self.journal.effect(
            kind="tool",
            key=self.name[:128],
            request={"tool": self.name, "arguments": self.arguments},
            perform=self._perform,
            idempotent=self.may_repeat,
            unknown_outcome=self._unknown_outcome(),
            before=self._invoked,
            after=self._observed,
            on_failure=self._failed,
        )
        return replace(ToolResult.from_json(response), note=self._note())

    def _take_changes(self) -> None:
        """Go on with the arguments that a person put in place of the model's."""
        changes = self.permit.answer.modified_action if self.permit.answer else None
        if changes is not None:
            self.arguments = dict(changes["arguments"])

    def _note(self) -> str:
        """Return what the model is told of the person who agreed."""
        answer = self.permit.answer
        if answer is None or not answer.approved:
            return ""
        said = f"The person who agreed said: {answer.feedback}" if answer.feedback else ""
        if answer.modified_action is None:
            return said
        made = bounded_text(json.dumps(self.arguments, sort_keys=True, ensure_ascii=False), _THOUGHT_MAX_CHARACTERS)
        return f"A person changed the arguments to {made}. {said}".strip()

    def _refusal(self) -> ToolResult | None:
        """Find the tool, check the arguments, ask the policy and perhaps a person; return why not, or None."""
        try:
            self.tool = tool_for(self.name, tenant_id=self.ctx.principal.tenant_id)
            arguments_check(self.tool, self.arguments)
            # From here on an earlier attempt may have run the tool, whatever the policy says now.
            self.may_repeat = self.tool.idempotent
            resource = {
                "name": self.name,
                "known": True,
                "arguments": self.arguments,
                "dangerous": self.tool.dangerous,
                "needs_network": self.tool.needs_network,
                "task_id": str(self.ctx.task_id),
                "step_key": self.ctx.step_key,
            }
            self.permit.obtain(resource, asked_by_tool=self.tool.requires_approval)
        except (NotFound, ToolInputInvalid, PolicyDenied, ApprovalDenied) as error:
            return _refused(error)
        return None

    def _unknown_outcome(self) -> UnknownOutcome:
        """Return what the operator, or else the tool, says about a call that may have happened."""
        by_name: Mapping[str, str] = settings.SHANNON_TOOL_UNKNOWN_OUTCOME
        of_tool = UnknownOutcome.FAIL if self.tool is None else self.tool.unknown_outcome
        return UnknownOutcome(by_name.get(self.name, of_tool))

    def _perform(self, effect: Effect) -> dict[str, Any]:
        if self.refusal is not None or self.tool is None:
            return (self.refusal or ToolResult(ok=True)).as_json()
        left_seconds = self.ctx.deadline_monotonic_seconds - time.monotonic()
        tool_ctx = ToolContext(
            tenant_id=self.ctx.principal.tenant_id,
            session_id=self.ctx.session_id,
            task_id=self.ctx.task_id,
            timeout_seconds=max(_MIN_TIMEOUT_SECONDS, min(self.tool.timeout_seconds, left_seconds)),
            idempotency_key=effect.idempotency_key,
        )
        try:
            return self._executed(self.tool, tool_ctx)
        except ShannonError as error:
            if error.retryable:
                raise
            return _refused(error).as_json()
        except DatabaseError:
            raise
        except Exception:  # the outermost edge of a tool: its defect is this call's, not the whole step's
            if not self.tool.idempotent:
                raise  # nobody knows how far it came, and the journal says so
            log.exception("tool_broke", tool=self.name, step_id=str(self.ctx.step_id))
            message = f"{self.name} has a defect and cannot do this; the operator's log has the details."
            return ToolResult(ok=False, error=ToolError("TOOL_BROKE", message, final=True)).as_json()

    def _executed(self, tool: Tool, tool_ctx: ToolContext) -> dict[str, Any]:
        with self.ctx.engine.call(tool_ctx.timeout_seconds):
            done = tool.execute(tool_ctx, self.arguments)
        shown, references = output_shown(tool_ctx.tenant_id, done.output, settings.SHANNON_TOOL_OUTPUT_MAX_BYTES)
        self.files_changed = done.files_changed
        return ToolResult(ok=done.error is None, output=shown, error=done.error, references=references).as_json()

    def _invoked(self, emit: Emit, position: int) -> None:
        if self.thought:
            emit("AGENT_THINKING", bounded_text(self.thought, _THOUGHT_MAX_CHARACTERS))
        payload = {"tool": self.name, "arguments": self.arguments, "position": position}
        emit("TOOL_INVOKED", f"Calling {self.name[:100]}", bounded_json(payload, _EVENT_MAX_BYTES))

    def _observed(self, emit: Emit, position: int, response: dict[str, Any]) -> None:
        result = ToolResult.from_json(response)
        outcome = result.error.code if result.error else "ok"
        # An unknown name is the model's text: as a label it would grow without bound.
        TOOL_CALLS.labels(tool=self.tool.name if self.tool else "unknown", outcome=outcome).inc()
        message = f"{self.name[:100]}: {result.error.message[:200]}" if result.error else f"{self.name} answered"
        payload = {"tool": self.name, "position": position, **response}
        emit("TOOL_OBSERVATION", message, bounded_json(payload, _EVENT_MAX_BYTES))
        if self.files_changed:
            files = list(self.files_changed)
            emit("WORKSPACE_UPDATED", f"{len(files)} files changed", bounded_json({"files": files}, _EVENT_MAX_BYTES))

    def _failed(self, emit: Emit, position: int, error: ShannonError) -> None:
        TOOL_CALLS.labels(tool=self.tool.name if self.tool else "unknown", outcome=error.code).inc()
        payload = {"tool": self.name, "position": position, "ok": False, "error": error.as_json()}
        emit("TOOL_OBSERVATION", f"{self.name[:100]}: {error.message[:200]}", bounded_json(payload, _EVENT_MAX_BYTES))


def _refused(error: ShannonError) -> ToolResult:
    """Return the error as the model sees it; what is wrong with the input it can mend, the rest is final."""
    final = not isinstance(error, InvalidInput | NotFound) or error.code == "TOOL_NOT_FOUND"
    return ToolResult(
        ok=False, error=ToolError(error.code, error.message, final=final, details=bounded_json(error.details, 4096))
    )
