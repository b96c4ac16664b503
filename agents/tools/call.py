"""One tool call of a step: where it stands in the journal, what it waits for, and what it does."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from django.conf import settings
from django.db import Error as DatabaseError

from agents.approvals import APPROVAL, Permit, approval_draft
from agents.context import Emit, StepContext
from agents.errors import ApprovalDenied, StepDeadlineExceeded, StepSuperseded, TaskCancelled, ToolInputInvalid
from agents.journal import Effect, EffectDraft, Journal, bounded_json, bounded_text
from agents.metrics import TOOL_CALLS
from agents.tools.arguments import arguments_check
from agents.tools.base import Tool, ToolContext, ToolOutput
from agents.tools.code.driving import CODE_TOOL
from agents.tools.long_output import output_shown
from agents.tools.rates import turn_take
from agents.tools.registry import tool_for
from agents.tools.results import result_find, result_keep
from agents.tools.tracing import tool_traced
from agents.types import ApprovalAnswer, ApprovalAsk, AskedBy, ToolError, ToolResult, UnknownOutcome
from policy.errors import PolicyDenied
from policy.types import Action
from shannon_project.foundation.errors import InvalidInput, NotFound, ShannonError

log = structlog.get_logger(__name__)

_EVENT_MAX_BYTES = 16 * 1024
_THOUGHT_MAX_CHARACTERS = 2_000
_MIN_TIMEOUT_SECONDS = 0.1


@dataclass(slots=True)
class Call:
    """One call. `place` is asked first, once; then `draft` and `take` in turn, until `take` returns the result."""

    ctx: StepContext
    journal: Journal
    name: str
    arguments: dict[str, Any]
    thought: str = ""
    is_fresh: bool = False
    refusal: ToolResult | None = None
    tool: Tool | None = None
    files_changed: tuple[str, ...] = field(default=())
    how: dict[str, Any] = field(default_factory=dict)
    may_repeat: bool = True
    is_decided: bool = False
    ask: ApprovalAsk | None = None
    is_own_ask: bool = False
    answer: ApprovalAnswer | None = None
    first: int = -1
    position: int = -1
    permit: Permit = field(init=False)

    def __post_init__(self) -> None:
        """Make the permit."""
        subject = {"tool": self.name, "arguments": self.arguments}
        self.permit = Permit(
            self.ctx,
            self.journal,
            Action.TOOL_CALL,
            subject=lambda: subject,
            message=f"May {self.ctx.agent_id} call {self.name[:100]}?",
            modifiable=("arguments",),
        )

    def place(self, first: int) -> int:
        """Take the call's places in the journal, from `first` on; return the first one behind them.

        A person's answer has a place of its own before the call's. Whether there is one is read from the journal
        where an earlier attempt came so far, and otherwise decided now, so the places are the same in each attempt.

        Raises:
            TaskCancelled, StepSuperseded, StepDeadlineExceeded: The step must not go on.
        """
        kind = self.journal.kind_at(first)
        if kind is None:
            self._decide()
        elif kind == APPROVAL:
            self.ask = self._own_question() or self.permit.question(AskedBy.POLICY)
        self.first = first
        self.position = first if self.ask is None else first + 1
        return self.position + 1

    def draft(self, last: int) -> tuple[int, EffectDraft]:
        """Return what comes next, and its place: a question to a person, or the call.

        Args:
            last: The last place of the calls that are made at the same time.

        Raises:
            TaskCancelled, StepSuperseded, StepDeadlineExceeded: The step must not go on.
        """
        if self.ask is not None and self.answer is None:
            return self.first, approval_draft(self.ctx, self.ask)
        self._take_changes()
        if not self.is_decided and self.journal.will_perform(self.position, last=last):
            self._decide()
        return self.position, EffectDraft(
            kind="tool",
            key=self.name[:128],
            request={"tool": self.name, "arguments": self.arguments},
            perform=lambda effect: tool_traced(self._perform, self.tool, self.arguments, effect),
            idempotent=self.may_repeat,
            unknown_outcome=self._unknown_outcome(),
            before=self._invoked,
            after=self._observed,
            on_failure=self._failed,
            decisions=tuple(self.permit.decisions),
        )

    def take(self, response: dict[str, Any]) -> ToolResult | None:
        """Take what the last draft gave; return the result if that was the call, None if it was a person's answer."""
        if self.ask is not None and self.answer is None:
            self.answer = ApprovalAnswer.from_json(response)
            if not self.is_own_ask:
                self.permit.answer = self.answer
            self.is_decided = False  # the policies have a say about what the person made of it
            return None
        return replace(ToolResult.from_json(response), note=self._note())

    def _decide(self) -> None:
        self.ctx.engine.checkpoint()
        self.is_decided = True
        self.refusal = self.refusal or self._refusal()

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
        """Find the tool, check the arguments, ask the policy; return why the call is not made, or None."""
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
            _, ask = self.permit.decide(resource, asked_by_tool=self.tool.requires_approval)
            if self.journal.kind_at(self.position) is None:  # what began in an earlier attempt was allowed then
                self.ask = self.ask or self._own_question() or ask
        except (NotFound, ToolInputInvalid, PolicyDenied, ApprovalDenied) as error:
            return refused(error)
        return None

    def _own_question(self) -> ApprovalAsk | None:
        """Return what the tool itself wants to know of a person; a policy's question about the call is then in it."""
        try:
            tool = self.tool or tool_for(self.name, tenant_id=self.ctx.principal.tenant_id)
        except NotFound:
            return None
        question = tool.question(self.arguments)
        self.is_own_ask = question is not None
        return question

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
            is_repeated=effect.is_repeated,
            answer=self.answer,
            may_use_dangerous=self.ctx.principal.has_scope("tools:dangerous"),
        )
        try:
            return self._executed(self.tool, tool_ctx)
        except (TaskCancelled, StepSuperseded, StepDeadlineExceeded):
            raise
        except ShannonError as error:
            if error.retryable:
                raise
            return refused(error).as_json()
        except DatabaseError:
            raise
        except Exception:  # the outermost edge of a tool: its defect is this call's, not the whole step's
            if not self.tool.idempotent:
                raise  # nobody knows how far it came, and the journal says so
            log.exception("tool_broke", tool=self.name, step_id=str(self.ctx.step_id))
            message = f"{self.name} has a defect and cannot do this; the operator's log has the details."
            return ToolResult(ok=False, error=ToolError("TOOL_BROKE", message, final=True)).as_json()

    def _executed(self, tool: Tool, tool_ctx: ToolContext) -> dict[str, Any]:
        done = self._done(tool, tool_ctx)
        shown, references = output_shown(tool_ctx.tenant_id, done.output, settings.SHANNON_TOOL_OUTPUT_MAX_BYTES)
        self.files_changed = done.files_changed
        result = ToolResult(ok=done.error is None, output=shown, error=done.error, references=references)
        return {**result.as_json(), **self.how}

    def _done(self, tool: Tool, tool_ctx: ToolContext) -> ToolOutput:
        """Return what the tool gives, or gave to the same question before; `how` says what is special about it."""
        is_cached = self.ask is None and tool.kept_seconds() > 0
        tenant_id = tool_ctx.tenant_id
        kept = result_find(tool, self.arguments, tenant_id=tenant_id) if is_cached and not self.is_fresh else None
        if kept is not None:
            self.how["cached"] = True
            return kept
        waited_seconds, refusal = turn_take(tool, tenant_id=tenant_id, timeout_seconds=tool_ctx.timeout_seconds)
        if waited_seconds:
            self.how["waited_ms"] = round(waited_seconds * 1000)
            self.ctx.engine.checkpoint()  # it may have been cancelled meanwhile
            left_seconds = max(_MIN_TIMEOUT_SECONDS, tool_ctx.timeout_seconds - waited_seconds)
            tool_ctx = replace(tool_ctx, timeout_seconds=left_seconds)
        if refusal is not None:
            return ToolOutput(error=refusal)
        with self.ctx.engine.call(tool_ctx.timeout_seconds):
            done = tool.execute(tool_ctx, self.arguments)
        if is_cached:
            result_keep(tool, self.arguments, done, tenant_id=tenant_id)
        return done

    def _invoked(self, emit: Emit, position: int) -> None:
        if self.thought:
            emit("AGENT_THINKING", bounded_text(self.thought, _THOUGHT_MAX_CHARACTERS))
        payload = {"tool": self.name, "arguments": self.arguments, "position": position}
        emit("TOOL_INVOKED", f"Calling {self.name[:100]}", bounded_json(payload, _EVENT_MAX_BYTES))

    def _observed(self, emit: Emit, position: int, response: dict[str, Any]) -> None:
        result = ToolResult.from_json(response)
        if self.name == CODE_TOOL and result.ok:
            return  # the program has only begun; its end is told
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


def refused(error: ShannonError) -> ToolResult:
    """Return the error as the model sees it; what is wrong with the input it can mend, the rest is final."""
    final = not isinstance(error, InvalidInput | NotFound) or error.code == "TOOL_NOT_FOUND"
    return ToolResult(
        ok=False, error=ToolError(error.code, error.message, final=final, details=bounded_json(error.details, 4096))
    )
