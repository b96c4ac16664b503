"""Running an agent in a step."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from django.conf import settings

from agents.context import StepContext
from agents.journal import Journal, bounded_text
from agents.llm.calls import model_call
from agents.llm.types import ToolCall
from agents.loop.inbox import Inbox
from agents.loop.messages import opening_messages, quoted_dependencies
from agents.loop.team import TeamPosts, team_definitions
from agents.loop.turns import TurnLimits, Turns
from agents.roles.catalogue import DEFAULT_ROLE, role_seen
from agents.step_budget import step_limited
from agents.tools.calling import AskedCall, tool_calls
from agents.tools.long_output import PAGING_TOOL
from agents.tools.registry import is_tenant_tool, tells_of_tenant, tool_definitions, tools_known
from agents.types import AgentResult, AgentSpec, ToolResult

_TOOLS: Final = "tools"  # kind of the journal's entry


def agent_run(ctx: StepContext, journal: Journal, spec: AgentSpec) -> AgentResult:
    """Let an agent work until it answers or a limit stops it.

    It is bounded by turns (in the last one it must answer without tools), by the budgets that pay each model call,
    and by the step's deadline. Whatever it does outside is journaled: run again, it comes to the same place without
    doing it twice. Refused and failed tool calls are told to the model.

    Raises:
        AnswerInvalid: The answer has not the format that a program is to read.
        RoleNotFound, ToolNotFound: The spec names what there is not (the caller's fault).
        BudgetExceeded, PolicyDenied: A model call is not paid for or not allowed.
        TaskCancelled, StepSuperseded, StepDeadlineExceeded: The step must not go on.
        ShannonError: What the model's gateway or the journal raised.
    """
    role, is_own = role_seen(journal, spec.role, tenant_id=ctx.principal.tenant_id)
    ctx = step_limited(ctx, role.budget)
    takes_role_tools = spec.takes_role_tools and (is_own or spec.role != DEFAULT_ROLE)
    wanted = (*role.tools, *spec.more_tools) if takes_role_tools else spec.tools
    wanted = tuple(name for name in dict.fromkeys(wanted) if name != PAGING_TOOL)
    names = tools_known(wanted, tenant_id=ctx.principal.tenant_id) if takes_role_tools else wanted
    paging = (PAGING_TOOL,) if names else ()
    # Files change while steps run, and a message with a lower id may commit late: an agent that is run again must be
    # told what it was told before.
    seen = journal.observe("workspace", "overview", lambda: {"text": _overview(spec), "history": spec.history})
    spec = replace(spec, history=tuple((role_name, content) for role_name, content in seen["history"]))

    team = TeamPosts(spec.team_actions)

    def call_tools(calls: Sequence[ToolCall], thought: str) -> list[ToolResult]:
        asked = [AskedCall(call.name, call.arguments_json) for call in calls if not team.takes(call)]
        asked[:1] = [replace(first, thought=thought) for first in asked[:1]]
        made = iter(tool_calls(ctx, journal, asked, offered=names + paging))
        return [team.post(call) if team.takes(call) else next(made) for call in calls]

    turns = Turns(
        ask=lambda request: model_call(ctx, journal, request),
        call_tools=call_tools,
        messages=opening_messages(spec, role=role, workspace_overview=seen["text"]),
        tools=[*_definitions(ctx, journal, wanted, names), *team_definitions(spec.team_actions)],
        paging=tool_definitions(paging, tenant_id=ctx.principal.tenant_id),
        tier=spec.tier or role.tier,
        model_override=spec.model_override,
        semantic=role.semantic_cache.rule() if role.semantic_cache else None,
        limits=TurnLimits(
            max_turns=spec.max_turns or role.max_turns,
            max_output_tokens=spec.max_output_tokens or role.max_output_tokens,
        ),
        sampling=spec.sampling,
        answer_format=spec.answer_format,
        quoted=quoted_dependencies(spec.dependencies),
        hear=Inbox(ctx, journal).hear if spec.hears_people else tuple,
    )
    return replace(turns.run(), posts=tuple(team.posts))


def _overview(spec: AgentSpec) -> str:
    return bounded_text(spec.workspace_overview, settings.SHANNON_WORKSPACE_OVERVIEW_MAX_CHARACTERS)


def _definitions(
    ctx: StepContext, journal: Journal, wanted: tuple[str, ...], names: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Return what the model is told of its tools; a tenant's own may change between attempts, so that is recorded."""

    def definitions() -> list[dict[str, Any]]:
        return tool_definitions(names, tenant_id=ctx.principal.tenant_id)

    recorded = journal.next_kind()
    is_tenants = any(is_tenant_tool(name) for name in wanted)
    if not is_tenants:
        is_told = any(tells_of_tenant(name, tenant_id=ctx.principal.tenant_id) for name in names)
        is_tenants = recorded == _TOOLS if recorded else is_told
    if not is_tenants:
        return definitions()
    return list(journal.observe(_TOOLS, "definitions", lambda: {"tools": definitions()})["tools"])
