"""A model drafts a plan; the strategy judges it."""

from typing import ClassVar

from agents.selectors import tool_infos
from agents.services import ModelTier, PlanRequest, plan_draft, workspace_overview
from orchestration.engine.claim import ClaimedStep
from orchestration.engine.kinds.base import KindExecutor, Work, model_for, roles_told, tenant_of, tier_for, tools_told
from orchestration.types import StepKind, StepOutcome


class PlanKind(KindExecutor):
    """Asks the planner, with what was wrong with its last answer if there was one."""

    kind: ClassVar[StepKind] = StepKind.PLAN

    def agent_id(self, step: ClaimedStep) -> str:  # noqa: ARG002 - the same for every plan
        """The planner has a name of its own."""
        return "planner"

    def execute(self, work: Work) -> StepOutcome:
        """Return the draft as it came; None when it was not JSON."""
        parameters = work.facts.parameters
        # observed through the journal: a file that is uploaded or a message that commits between two attempts must not
        # change what was asked
        seen = work.journal.observe(
            "workspace",
            "overview",
            lambda: {"text": _overview(work), "history": work.facts.conversation(), "tools": _tools(work)},
        )
        draft = plan_draft(
            work.ctx,
            work.journal,
            PlanRequest(
                query=work.step.input.get("query") or work.facts.query,
                tools=[(name, description) for name, description in seen.get("tools") or _tools(work)],
                workspace_overview=str(seen["text"]),
                max_subtasks=work.step.input.get("max_subtasks") or parameters["max_subtasks"],
                rule=work.step.input.get("rule") or "",
                roles=roles_told(work),
                tier=tier_for(work, ModelTier.LARGE),
                model_override=model_for(work),
                previous_plan=work.step.input.get("previous_plan"),
                previous_text=work.step.input.get("previous_text", ""),
                problems=work.step.input.get("problems", []),
                rounds=[(seen["plan"], seen["feedback"]) for seen in work.step.input.get("rounds", [])],
                history=tuple((role, content) for role, content in seen["history"]),
            ),
        )
        return StepOutcome(
            output={"plan": draft.plan, "text": "" if draft.plan else draft.text[:4000]},
            usage=draft.usage,
            model_used=draft.model,
            provider=draft.provider,
        )


def _overview(work: Work) -> str:
    return workspace_overview(tenant_id=tenant_of(work), session_id=work.ctx.session_id)


def _tools(work: Work) -> list[tuple[str, str]]:
    """Return name and description of each tool that the task may use; a tenant may change its own at any time."""
    allowed = tools_told(work)
    return [(info.name, info.description) for info in tool_infos(tenant_id=tenant_of(work)) if info.name in allowed]
