"""Asks a model for a plan and reads what it answers. Whether the plan is sound is for the strategy to say."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.context import StepContext
from agents.journal import Journal
from agents.llm.calls import model_call
from agents.llm.prompts import prompt_render
from agents.llm.types import ModelPurpose, ModelReply, ModelRequest, ModelTier
from agents.loop.json_answers import json_object_in
from agents.planning.schema import plan_response_format
from agents.types import Usage

_PLAN_MAX_OUTPUT_TOKENS = 8192
_NO_FILES = "(none)"


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What to plan.

    Attributes:
        query: The user's request.
        tools: `(name, description)` of every tool that subtasks may use.
        workspace_overview: What files there are; empty for none.
        max_subtasks: The widest plan allowed.
        previous_plan: The plan that had problems, when it is to be repaired.
        problems: What was wrong with it, one sentence each.
        tier: Which model tier plans.
        model_override: A model to use instead.
        history: `(role, content)` of the conversation before the request, oldest first.
        rule: One more rule for this plan; may be empty.
        roles: `(name, description)` of the roles that subtasks may have.
        previous_text: What the model wrote when it was no plan at all (`PlanDraft.text`).
        rounds: `(plan, feedback)` of each earlier plan that a person reviewed, oldest first.
    """

    query: str
    tools: Sequence[tuple[str, str]]
    workspace_overview: str = ""
    max_subtasks: int = 20
    previous_plan: dict[str, Any] | None = None
    problems: Sequence[str] = ()
    tier: str = ModelTier.LARGE
    model_override: str | None = None
    history: Sequence[tuple[str, str]] = ()
    previous_text: str = ""
    rule: str = ""
    roles: Sequence[tuple[str, str]] = ()
    rounds: Sequence[tuple[Mapping[str, Any], str]] = ()


@dataclass(frozen=True, slots=True)
class PlanDraft:
    """What the model proposed. `plan` is None when its text held no JSON object; `text` is as it wrote it."""

    plan: dict[str, Any] | None
    text: str
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    provider: str = ""


def plan_draft(ctx: StepContext, journal: Journal, request: PlanRequest) -> PlanDraft:
    """Ask a model for a plan, or for a better one when `problems` are given.

    Raises:
        ShannonError: See `agents.llm.calls.model_call`.
    """
    reply = model_call(
        ctx,
        journal,
        ModelRequest(
            messages=plan_messages(request),
            response_format=plan_response_format(),
            tier=request.tier,
            model_override=request.model_override,
            max_output_tokens=_PLAN_MAX_OUTPUT_TOKENS,
            purpose=ModelPurpose.PLAN,
        ),
    )
    return PlanDraft(
        plan=json_object_in(reply.text),
        text=reply.text,
        usage=_usage_of(reply),
        model=reply.model,
        provider=reply.provider,
    )


def plan_messages(request: PlanRequest) -> list[dict[str, str]]:
    """Return the messages of a plan request: the prompt, the conversation, the query, and what was wrong before."""
    system = prompt_render(
        "plan",
        max_subtasks=str(request.max_subtasks),
        tools="\n".join(f"- {name}: {description}" for name, description in request.tools) or "(none)",
        roles="\n".join(f"- {name}: {description}" for name, description in request.roles) or "(none)",
        rule=f"11. {request.rule}" if request.rule else "",
        workspace_overview=request.workspace_overview.strip() or _NO_FILES,
    )
    messages = [{"role": "system", "content": system}]
    messages += [{"role": role, "content": content} for role, content in request.history]
    messages.append({"role": "user", "content": request.query})
    for plan, feedback in request.rounds:
        messages.append({"role": "assistant", "content": json.dumps(plan, ensure_ascii=False, sort_keys=True)})
        messages.append({"role": "user", "content": prompt_render("plan_feedback", feedback=feedback)})
    if request.problems:
        previous = request.previous_text
        if request.previous_plan is not None:
            previous = json.dumps(request.previous_plan, ensure_ascii=False)
        problems = "\n".join(f"- {problem}" for problem in request.problems)
        messages.append({"role": "assistant", "content": previous or "{}"})
        messages.append({"role": "user", "content": prompt_render("plan_repair", problems=problems)})
    return messages


def _usage_of(reply: ModelReply) -> Usage:
    return Usage().with_model_call(
        prompt_tokens=reply.prompt_tokens, completion_tokens=reply.completion_tokens, cost_usd=reply.cost_usd
    )
