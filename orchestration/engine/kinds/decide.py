"""A model fills a form: a critique, a verdict, a vote, the next thoughts, a lead's decision."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from agents.selectors import is_tenant_tool, tool_infos
from agents.services import FormRequest, ModelTier, form_fill, synthesis_share_characters, workspace_overview
from orchestration.engine.claim import ClaimedStep
from orchestration.engine.kinds.base import (
    KindExecutor,
    Work,
    history_seen,
    model_for,
    results_for,
    roles_told,
    tenant_of,
    text_output,
    tier_for,
    tools_told,
)
from orchestration.types import StepKind, StepOutcome


class DecideKind(KindExecutor):
    """Asks with the results of the steps it depends on; the answer fits the form, or the step fails."""

    kind: ClassVar[StepKind] = StepKind.DECIDE

    def agent_id(self, step: ClaimedStep) -> str:
        """The name of who decides, if the strategy gave one."""
        return str(step.input.get("agent_id") or step.key)

    def execute(self, work: Work) -> StepOutcome:
        """Return `{"value": the filled form, "text": what later steps read}`."""
        asked = work.step.input
        history = history_seen(work) if asked.get("with_history") else ()
        answer = form_fill(
            work.ctx,
            work.journal,
            FormRequest(
                form=asked["form"],
                query=asked.get("query") or work.facts.query,
                instruction=asked.get("instruction", ""),
                sections={**(asked.get("sections") or {}), **_shown(work), **_reviewed(asked)},
                results=results_for(work, synthesis_share_characters),
                tier=tier_for(work, ModelTier.MEDIUM),
                model_override=model_for(work),
                history=history,
                schema=asked.get("schema"),
                passages=[(one["id"], one["title"], one["text"]) for one in asked.get("passages") or ()],
            ),
        )
        return StepOutcome(
            output=text_output(answer.text, value=answer.value),
            usage=answer.usage,
            model_used=answer.model,
            provider=answer.provider,
        )


def _reviewed(asked: Mapping[str, Any]) -> dict[str, str]:
    """Return the plans that a person looked at, and what was said about each, for a form that is a plan."""
    rounds = asked.get("rounds") or ()
    plans = (f"Round {number}: {json.dumps(one['plan'], ensure_ascii=False)}" for number, one in enumerate(rounds, 1))
    said = (f"- Round {number}: {' '.join(one['feedback'].split())}" for number, one in enumerate(rounds, 1))
    return {"Earlier plans": "\n\n".join(plans), "What the reviewer said": "\n".join(said)} if rounds else {}


def _shown(work: Work) -> dict[str, str]:
    """Return what the strategy wants the model told of the platform: `tools`, `roles`, `files`."""
    makers = {"tools": ("Tools", _tools), "roles": ("Roles", _roles), "files": ("Files in the workspace", _files)}
    wanted = [makers[name] for name in work.step.input.get("shows") or ()]
    return {heading: make(work) for heading, make in wanted}


def _tools(work: Work) -> str:
    """What a tenant registered may change between two attempts, so then what was told is recorded."""
    allowed = tools_told(work)
    if not any(is_tenant_tool(name) for name in allowed):
        return _described(work, allowed)
    return str(work.journal.observe("tools", "descriptions", lambda: {"text": _described(work, allowed)})["text"])


def _described(work: Work, allowed: frozenset[str]) -> str:
    return "\n".join(
        f"- {info.name}: {info.description} Arguments: {json.dumps(dict(info.parameters), ensure_ascii=False)}"
        for info in tool_infos(tenant_id=tenant_of(work))
        if info.name in allowed
    )


def _roles(work: Work) -> str:
    return "\n".join(f"- {name}: {description}" for name, description in roles_told(work))


def _files(work: Work) -> str:
    """Observed through the journal: a file that is uploaded between two attempts must not change what was asked."""
    return str(work.journal.observe("workspace", "overview", lambda: {"text": _overview(work)})["text"])


def _overview(work: Work) -> str:
    return workspace_overview(tenant_id=tenant_of(work), session_id=work.ctx.session_id)
