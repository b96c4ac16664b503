"""An agent works on one subtask, or on the whole request."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from agents.services import agent_run, answer_remember, dependency_share_characters, workspace_overview
from agents.types import AgentSpec
from orchestration.engine.claim import ClaimedStep
from orchestration.engine.kinds.base import KindExecutor, Work, model_for, results_for, tenant_of, text_output, tier_for
from orchestration.types import StepKind, StepOutcome

HEARD_BY_A_LEAD: Final = frozenset({"supervisor", "swarm"})  # what people say goes to the lead, who passes it on


class AgentKind(KindExecutor):
    """Runs the agent loop with the results of the steps it depends on."""

    kind: ClassVar[StepKind] = StepKind.AGENT

    def agent_id(self, step: ClaimedStep) -> str:
        """The agent's name, if the strategy gave it one."""
        return str(step.input.get("agent_id") or step.key)

    def execute(self, work: Work) -> StepOutcome:
        """Run the loop; the final agent's answer is remembered for later tasks."""
        asked = work.step.input
        result = agent_run(work.ctx, work.journal, _spec(work))
        memories = (
            answer_remember(work.ctx, work.journal, query=work.facts.query, answer=result.text)
            if asked.get("is_final")
            else ()
        )
        more: dict[str, object] = {"posts": list(result.posts)} if result.posts else {}
        if result.format_problem:
            more["format_problem"] = result.format_problem
        return StepOutcome(
            output=text_output(result.text, turns=result.turns, stop_reason=result.stop_reason, **more),
            usage=result.usage,
            model_used=result.model,
            provider=result.provider,
            memories=memories,
        )


def _spec(work: Work) -> AgentSpec:
    """Return what the agent is asked: by its step first, then by the request, then by its role."""
    asked, parameters = work.step.input, work.facts.parameters
    skill = parameters.get("skill") or {}
    return AgentSpec(
        instruction=asked["instruction"],
        tools=tuple(parameters["tools"] if asked.get("tools") is None else asked["tools"]),
        tier=tier_for(work, "") or None,
        model_override=model_for(work),
        # A limit is one of the answer; agents that prepare it need room to work.
        max_output_tokens=parameters.get("max_output_tokens") if asked.get("is_final") else None,
        sampling=parameters.get("sampling") or {},
        max_turns=asked.get("max_turns") or parameters.get("max_turns"),
        history=work.facts.conversation(),
        dependencies=tuple(results_for(work, dependency_share_characters)),
        workspace_overview=workspace_overview(tenant_id=tenant_of(work), session_id=work.ctx.session_id),
        role=asked.get("role") or parameters.get("role") or "generalist",
        takes_role_tools=asked.get("tools") is None and parameters.get("role_tools", False),
        more_tools=tuple(skill.get("tools") or ()),
        guidance=_guidance(parameters),
        answer_format=asked.get("answer_format") or "",
        team_actions=tuple(asked.get("team_actions") or ()),
        hears_people=work.facts.strategy not in HEARD_BY_A_LEAD,
    )


def _guidance(parameters: Mapping[str, Any]) -> str:
    """Return what the request adds to every agent's prompt: its own words, then the skill that it names."""
    skill = parameters.get("skill")
    said = f"# Way of working: {skill['name']}\n\n{skill['content']}" if skill else ""
    return "\n\n".join(part for part in (parameters.get("system_prompt") or "", said) if part)
