"""Tool calls as the platform makes them: checked, authorised, recorded, made once, and at the same time if they may."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agents.context import StepContext
from agents.errors import StepSuperseded, StepWaits, ToolInputInvalid
from agents.journal import Journal
from agents.tools.arguments import arguments_from
from agents.tools.call import Call, refused
from agents.tools.code.driving import CODE_TOOL, program_drive
from agents.tools.code.naming import ToolSignature, signatures_of
from agents.tools.registry import is_tenant_tool, tool_for, tool_infos
from agents.tools.stages import stages
from agents.types import ToolError, ToolResult
from policy.services import registry_ask
from shannon_project.foundation.errors import ShannonError


@dataclass(frozen=True, slots=True)
class AskedCall:
    """A call as a model asks for it: the tool's name, a JSON object as text, and what the model said about it.

    `is_fresh`: what the tool answered to others a moment ago is not good enough.
    """

    name: str
    arguments: str
    thought: str = ""
    is_fresh: bool = False


def tool_call(
    ctx: StepContext,
    journal: Journal,
    name: str,
    arguments: str,
    *,
    offered: tuple[str, ...] | None = None,
    thought: str = "",
    is_fresh: bool = False,
) -> ToolResult:
    """Make one call; see `tool_calls`."""
    return tool_calls(ctx, journal, [AskedCall(name, arguments, thought, is_fresh)], offered=offered)[0]


def tool_calls(
    ctx: StepContext, journal: Journal, asked: Sequence[AskedCall], *, offered: tuple[str, ...] | None = None
) -> list[ToolResult]:
    """Make the tool calls of one turn, or return what they gave in an earlier attempt of the step.

    They are made at the same time, but for those that work on the session's files (`stages`). Arguments that do not
    fit, a denial by a policy or a person and a tool's own failure are results, for the model to see, and recorded like
    any other; only what stops the step is raised. Where a policy or the tool wants a person to agree, that call waits
    and the others are made; arguments that the person changed are the ones that the tool gets, and the model is told.

    What one call comes to never touches another's record: each has its own place in the journal, given before any of
    them begins, and what stops the step is raised when all that had begun are recorded.

    Args:
        ctx: The step.
        journal: The step's journal.
        asked: The calls, in the model's order.
        offered: The only tools that may be called; None: all that there are.

    Returns:
        The results, in the same order.

    Raises:
        TaskCancelled, StepSuperseded, StepDeadlineExceeded: The step must not go on.
        StepWaits: A person is asked.
        OutcomeUnknown: An earlier attempt started a call, and the tool may not be run twice.
        ShannonError: A retryable failure of something that a tool needs; the step may be tried again.
    """
    calls = [_call(ctx, journal, each, offered) for each in asked]
    results: list[ToolResult] = []
    for stage in stages(calls, tenant_id=ctx.principal.tenant_id):
        made = _made_together(journal, stage)
        results += [_whole(call, result, offered) for call, result in zip(stage, made, strict=True)]
    return results


def _whole(call: Call, result: ToolResult, offered: tuple[str, ...] | None) -> ToolResult:
    """Return a call's result; of a program that was allowed to begin, what it comes to.

    What a program calls is checked, allowed and recorded like any other call, at the next places of the journal.
    """
    if call.name != CODE_TOOL or not result.ok:
        return result
    tenant_id = call.ctx.principal.tenant_id

    def signatures() -> list[ToolSignature]:
        names = _callable_by(call.ctx) if offered is None else offered
        return signatures_of(tool_for(name, tenant_id=tenant_id) for name in names if name != CODE_TOOL)

    def make(name: str, arguments: Mapping[str, Any]) -> ToolResult:
        return _made_together(call.journal, [Call(call.ctx, call.journal, name, dict(arguments))])[0]

    ended = program_drive(call.ctx, call.journal, call.arguments["code"], signatures=signatures, call=make)
    return replace(ended, note=result.note)


def _callable_by(ctx: StepContext) -> list[str]:
    """Return the tools that a program may call which nobody offered any: dangerous ones only with their scope."""
    infos = tool_infos(tenant_id=ctx.principal.tenant_id)
    may_all = ctx.principal.has_scope("tools:dangerous")
    return [info.name for info in infos if may_all or not info.dangerous]


def _call(ctx: StepContext, journal: Journal, asked: AskedCall, offered: tuple[str, ...] | None) -> Call:
    refusal: ToolResult | None = None
    try:
        arguments = arguments_from(asked.arguments)
    except ToolInputInvalid as error:
        arguments, refusal = {"text": asked.arguments}, refused(error)
    if offered is not None and asked.name not in offered:
        message = f"There is no tool {asked.name[:100]!r} here; there are: {', '.join(offered) or 'none'}."
        refusal = ToolResult(ok=False, error=ToolError("TOOL_NOT_FOUND", message, final=True))
    return Call(ctx, journal, asked.name, arguments, asked.thought, asked.is_fresh, refusal)


def _made_together(journal: Journal, calls: Sequence[Call]) -> list[ToolResult]:
    if calls and any(is_tenant_tool(call.name) for call in calls):
        registry_ask(calls[0].ctx.principal.tenant_id)  # trust that was withdrawn holds from the next call on
    behind = journal.position
    for call in calls:
        behind = call.place(behind)
    journal.reserve_positions(behind - journal.position)
    results: dict[int, ToolResult] = {}
    waits: list[StepWaits] = []
    open_calls = list(calls)
    while open_calls:
        drafts = [call.draft(behind - 1) for call in open_calls]
        ended = journal.effects(dict(drafts), last=behind - 1)
        outcomes = [(call, ended[position]) for call, (position, _) in zip(open_calls, drafts, strict=True)]
        waits += [outcome for _, outcome in outcomes if isinstance(outcome, StepWaits)]
        _raise_first([outcome for _, outcome in outcomes if isinstance(outcome, BaseException)])
        open_calls = []
        for call, outcome in outcomes:
            if isinstance(outcome, dict):
                result = call.take(outcome)
                if result is None:
                    open_calls.append(call)
                else:
                    results[call.position] = result
    if waits:
        raise waits[0]
    return [results[call.position] for call in calls]


def _raise_first(errors: Sequence[BaseException]) -> None:
    """Raise what stops the step for another reason than a question to a person; a lost lease before all else."""
    stops = [error for error in errors if not isinstance(error, StepWaits)]
    if stops:
        raise min(stops, key=_rank)


def _rank(error: BaseException) -> int:
    if isinstance(error, StepSuperseded) or not isinstance(error, Exception):
        return 0
    if not isinstance(error, ShannonError):
        return 1  # a defect, or the database
    return 3 if error.retryable else 2
