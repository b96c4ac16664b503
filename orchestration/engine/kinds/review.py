"""A person reviews the plan. The step waits; its output is the verdict, from which the strategy goes on."""

from typing import ClassVar

from agents.context import Emit
from agents.services import approval_ask, bounded_json
from agents.types import ApprovalAsk, AskedBy
from orchestration.engine.claim import ClaimedStep
from orchestration.engine.kinds.base import KindExecutor, Work
from orchestration.types import PLAN_REVIEW, EventKind, StepKind, StepOutcome

EVENT_MAX_BYTES = 32 * 1024


class ReviewKind(KindExecutor):
    """Asks a person what they think of a plan."""

    kind: ClassVar[StepKind] = StepKind.REVIEW
    announces_start: ClassVar[bool] = False  # RESEARCH_PLAN_READY says it

    def agent_id(self, step: ClaimedStep) -> str:  # noqa: ARG002 - the same for every round
        """The reviewer is a person."""
        return "reviewer"

    def execute(self, work: Work) -> StepOutcome:
        """Return `{"approved", "feedback", "decided_by", "expired"}`; a denial with feedback asks for another plan."""
        asked = work.step.input
        number = int(asked["round"])

        def announce(emit: Emit) -> None:
            kind = EventKind.RESEARCH_PLAN_READY if number == 1 else EventKind.RESEARCH_PLAN_UPDATED
            payload = {"round": number, "plan": asked["plan"], "steps": asked["steps"]}
            emit(kind, f"The plan waits for its review, round {number}", bounded_json(payload, EVENT_MAX_BYTES))

        options = work.facts.parameters["review"]
        answer = approval_ask(
            work.ctx,
            work.journal,
            ApprovalAsk(
                action=PLAN_REVIEW,
                subject={"round": number, "plan": asked["plan"]},
                message=f"Is this plan right? (round {number})",
                requested_by=AskedBy.REQUEST,
                context={"query": work.facts.query, "steps": asked["steps"]},
                timeout_seconds=options["timeout_seconds"],
                approve_by_default=options["approve_by_default"],
            ),
            announce=announce,
        )
        verdict = {"approved": answer.approved, "decided_by": answer.decided_by, "expired": answer.expired}
        return StepOutcome(output={**verdict, "feedback": answer.feedback})
