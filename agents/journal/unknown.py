"""Effects of which nobody knows whether they happened, and which must not simply be repeated."""

from collections.abc import Mapping
from typing import Any, Final

from agents.context import StepContext
from agents.errors import OutcomeUnknown, StepWaits
from agents.journal.bounds import bounded_json
from agents.models import JournalEntry
from agents.types import ApprovalAsk, AskedBy, UnknownOutcome

ACTION: Final = "outcome.repeat"


def unknown_outcome_settle(
    ctx: StepContext, entry: JournalEntry, policy: UnknownOutcome, *, request: Mapping[str, Any]
) -> None:
    """Return if the effect is to be done again.

    The question to a person stands at the effect's own position, where no other is asked. A yes holds for this effect
    from then on: if it is cut off once more, it is done again without another question.

    Raises:
        OutcomeUnknown: It is not; a person or the policy says so.
        StepWaits: A person was asked and has not decided.
    """
    if policy is UnknownOutcome.RETRY:
        return
    what = f"{entry.kind} {entry.key}"
    if policy is UnknownOutcome.ASK:
        answer = ctx.engine.approval_answer(entry.position)
        if answer is None:
            _ask(ctx, entry, request, f"{what} was started and may have happened. Do it again?")
            raise StepWaits(details={"position": entry.position, "action": ACTION})
        if answer.approved:
            return
    raise OutcomeUnknown(
        f"{what} was started in attempt {entry.attempt} and may have happened; it is not repeated.",
        details={"position": entry.position, "kind": entry.kind, "key": entry.key},
    )


def _ask(ctx: StepContext, entry: JournalEntry, request: Mapping[str, Any], message: str) -> None:
    ask = ApprovalAsk(
        action=ACTION,
        subject={"kind": entry.kind, "key": entry.key, "request": bounded_json(request)},
        message=message,
        requested_by=AskedBy.OUTCOME_UNKNOWN,
        context={"position": entry.position, "attempt": entry.attempt},
    )
    with ctx.engine.transaction(begins=True) as emit:
        ctx.engine.approval_request(entry.position, ask, emit)
