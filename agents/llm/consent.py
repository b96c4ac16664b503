"""Whether a step may go on although most of a budget is used: a person says so, once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agents.approvals import approval_ask, denied, is_asked_next
from agents.context import StepContext
from agents.journal import Journal
from agents.types import BUDGET_CONTINUE, ApprovalAnswer, ApprovalAsk, AskedBy
from policy.errors import BudgetAsksPerson


@dataclass(slots=True)
class Consent:
    """The question before one call. It is put when a budget wants it, so only who is asked pays for asking.

    Attributes:
        subject: Tells the call from others, the same in each attempt; called only when somebody is asked.
        is_given: A person said yes.
    """

    ctx: StepContext
    journal: Journal
    subject: Callable[[], Mapping[str, Any]]
    is_given: bool = False

    def recall(self) -> bool:
        """Read what a person said in an earlier attempt, and return whether one was asked.

        Raises:
            ApprovalDenied: It was no, or nobody said anything in time. StepWaits: Nobody has decided.
        """
        is_there = not self.is_given and is_asked_next(self.journal, BUDGET_CONTINUE)
        if is_there:
            self._ask("May it go on?", {})
        return is_there

    def obtain(self, asked: BudgetAsksPerson, position: int) -> None:
        """Ask, in the place of the call that was to begin at `position`; it comes after the answer.

        Raises:
            ApprovalRequired: Who calls cannot wait. See `recall` for the others.
        """
        self.journal.give_back(position)
        self._ask(asked.message, asked.details)

    def _ask(self, message: str, context: Mapping[str, Any]) -> None:
        ask = ApprovalAsk(
            action=BUDGET_CONTINUE,
            subject=self.subject(),
            message=message,
            requested_by=AskedBy.BUDGET,
            context=context,
        )
        answer: ApprovalAnswer = approval_ask(self.ctx, self.journal, ask)
        if not answer.approved:
            raise denied(answer)
        self.is_given = True
