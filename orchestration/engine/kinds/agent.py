"""An agent works on one subtask, or on the whole request."""

from typing import ClassVar

from agents.selectors import messages_before
from agents.services import agent_run, answer_remember, dependency_share_characters, workspace_overview
from agents.types import AgentSpec
from orchestration.engine.kinds.base import KindExecutor, Work, results_for, tenant_of, text_output
from orchestration.types import StepKind, StepOutcome


class AgentKind(KindExecutor):
    """Runs the agent loop with the results of the steps it depends on."""

    kind: ClassVar[StepKind] = StepKind.AGENT

    def execute(self, work: Work) -> StepOutcome:
        """Run the loop; the final agent's answer is remembered for later tasks."""
        asked = work.step.input
        is_final = bool(asked.get("is_final"))
        parameters = work.facts.parameters
        result = agent_run(
            work.ctx,
            work.journal,
            AgentSpec(
                instruction=asked["instruction"],
                tools=tuple(parameters["tools"] if asked.get("tools") is None else asked["tools"]),
                tier=parameters["model_tier"],
                model_override=parameters["model_override"],
                # A limit is one of the answer; agents that prepare it need room to work.
                max_output_tokens=parameters.get("max_output_tokens") if is_final else None,
                sampling=parameters.get("sampling") or {},
                history=messages_before(session_id=work.ctx.session_id, task_id=work.facts.asked_in),
                dependencies=tuple(results_for(work, dependency_share_characters)),
                workspace_overview=workspace_overview(tenant_id=tenant_of(work), session_id=work.ctx.session_id),
            ),
        )
        if is_final:
            answer_remember(work.ctx, work.journal, query=work.facts.query, answer=result.text)
        return StepOutcome(
            output=text_output(result.text, turns=result.turns, stop_reason=result.stop_reason),
            usage=result.usage,
            model_used=result.model,
            provider=result.provider,
        )
