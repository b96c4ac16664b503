"""The results become one answer."""

from typing import ClassVar

from agents.selectors import messages_before
from agents.services import (
    ANSWER_MAX_OUTPUT_TOKENS,
    ModelTier,
    SynthesisRequest,
    answer_remember,
    answer_synthesize,
    synthesis_share_characters,
)
from orchestration.engine.claim import ClaimedStep
from orchestration.engine.kinds.base import KindExecutor, Work, results_for, text_output
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
        # observed through the journal: a message that commits between two attempts must not change what was asked
        seen = work.journal.observe("session", "history", lambda: {"history": _history(work)})
        answer = answer_synthesize(
            work.ctx,
            work.journal,
            SynthesisRequest(
                query=work.facts.query,
                instruction=work.step.input.get("instruction", ""),
                results=results,
                tier=work.facts.parameters["model_tier"] or ModelTier.MEDIUM,
                model_override=work.facts.parameters["model_override"],
                history=tuple((role, content) for role, content in seen["history"]),
                max_output_tokens=work.facts.parameters.get("max_output_tokens") or ANSWER_MAX_OUTPUT_TOKENS,
                sampling=work.facts.parameters.get("sampling") or {},
            ),
        )
        answer_remember(work.ctx, work.journal, query=work.facts.query, answer=answer.text)
        return StepOutcome(
            output=text_output(answer.text),
            usage=answer.usage,
            model_used=answer.model,
            provider=answer.provider,
        )


def _history(work: Work) -> tuple[tuple[str, str], ...]:
    return messages_before(session_id=work.ctx.session_id, task_id=work.facts.asked_in)
