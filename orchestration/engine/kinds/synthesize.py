"""The results become one answer."""

from typing import ClassVar

from agents.services import (
    ANSWER_MAX_OUTPUT_TOKENS,
    ModelTier,
    SynthesisRequest,
    answer_remember,
    answer_synthesize,
    synthesis_share_characters,
)
from orchestration.engine.claim import ClaimedStep
from orchestration.engine.kinds.base import (
    KindExecutor,
    Work,
    history_seen,
    model_for,
    results_for,
    text_output,
    tier_for,
)
from orchestration.errors import SubtasksFailed
from orchestration.types import StepKind, StepOutcome, StepStatus


class SynthesizeKind(KindExecutor):
    """Sees every result, which failed and why."""

    kind: ClassVar[StepKind] = StepKind.SYNTHESIZE

    def agent_id(self, step: ClaimedStep) -> str:  # noqa: ARG002 - one in a task
        """The synthesizer has a name of its own."""
        return "synthesizer"

    def execute(self, work: Work) -> StepOutcome:
        """Combine what succeeded; with nothing to combine there is no answer.

        Raises:
            SubtasksFailed: Every subtask failed.
        """
        results = results_for(work, synthesis_share_characters)
        if all(result.status != StepStatus.SUCCEEDED for result in results):
            raise SubtasksFailed(
                f"All {len(results)} subtasks failed; the first: {results[0].error}",
                details={"subtasks": [{"id": result.id, "error": result.error} for result in results[:20]]},
            )
        answer = answer_synthesize(
            work.ctx,
            work.journal,
            SynthesisRequest(
                query=work.step.input.get("query") or work.facts.query,
                instruction=work.step.input.get("instruction", ""),
                results=results,
                tier=tier_for(work, ModelTier.MEDIUM),
                model_override=model_for(work),
                history=history_seen(work),
                max_output_tokens=work.facts.parameters.get("max_output_tokens") or ANSWER_MAX_OUTPUT_TOKENS,
                sampling=work.facts.parameters.get("sampling") or {},
            ),
        )
        return StepOutcome(
            output=text_output(answer.text),
            usage=answer.usage,
            model_used=answer.model,
            provider=answer.provider,
            memories=answer_remember(work.ctx, work.journal, query=work.facts.query, answer=answer.text),
        )
