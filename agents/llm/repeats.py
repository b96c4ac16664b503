"""What pays for further attempts of a call whose earlier ones were billed and came to nothing.

What is set aside for a call covers one attempt. A provider that bills an empty answer, or an answer that has to be
asked for again because it does not fit its schema, would make the call dearer than that: so before each further
attempt the difference is set aside too, and an attempt that no budget covers is not made.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from agents.context import Emit, StepContext
from agents.llm.books import Books
from agents.llm.errors import ModelUsage
from agents.llm.paying import amount_of, threshold_tell
from agents.llm.types import ModelRequest
from policy.services import request_check
from policy.types import Amount, BudgetState, Purchase, Reserving
from shannon_project.foundation.database import connection_release

_POSITIONS_FROM: Final = 1_500_000_000  # above those of charges for what was lost, below Postgres' largest integer
_POSITIONS_EACH: Final = 1_000  # of one place in the journal
_ATTEMPTS_EACH: Final = 50  # of a step's attempt: 20 of them can be told apart


@dataclass(slots=True)
class Repeats:
    """The reservations beside the one of a call.

    Attributes:
        ctx: Whose step it is, and what pays.
        books: Where it is written.
        position: The call's place in the step's journal.
        model: Who was asked first, for the accounts.
        most: What one attempt at a request may cost at most.
        held: What is set aside by now, the call's own reservation included.
    """

    ctx: StepContext
    books: Books
    position: int
    model: str
    most: Callable[[ModelRequest], Amount]
    held: Amount
    _positions: list[int] = field(default_factory=list)
    _crossed: list[BudgetState] = field(default_factory=list)

    def cover(self, request: ModelRequest, lost: ModelUsage | None) -> None:
        """Set aside what a further attempt may cost beyond what is set aside. No statement where nothing was billed.

        Args:
            request: What is asked now; a turn that repairs an answer has a longer prompt.
            lost: What earlier attempts were billed.

        Raises:
            BudgetExceeded: A budget does not cover it.
        """
        if lost is None:
            return
        needed = amount_of(lost) + self.most(request)
        tokens, usd = max(0, needed.tokens - self.held.tokens), max(Decimal(0), needed.usd - self.held.usd)
        if not tokens and not usd:
            return
        step_id, limits = self.ctx.step_id, self.ctx.request_limits
        if limits.is_limited:
            request_check(limits=limits, asked=needed, step_id=step_id, position=self.position)
        position = self._next_position()
        try:
            reserved = self.books.reserve(
                Reserving(
                    tenant_id=self.ctx.principal.tenant_id,
                    step_id=step_id,
                    position=position,
                    budgets=self.ctx.budgets,
                    amount=Amount(tokens, usd),
                    purchase=Purchase(
                        user_id=self.ctx.principal.user_id, task_id=self.ctx.paid_task_id, model=self.model
                    ),
                    was_begun=True,
                )
            )
        finally:
            connection_release()  # the attempt may take minutes
        self._positions.append(position)
        self._crossed.extend(reserved.crossed)
        self.held = Amount(self.held.tokens + tokens, self.held.usd + usd)

    @property
    def positions(self) -> Sequence[int]:
        """What is to be released when the call is settled in full, or charged as lost."""
        return tuple(self._positions)

    def tell(self, emit: Emit) -> None:
        """Tell which budgets came to their warning threshold meanwhile; `emit` is of the open transaction."""
        threshold_tell(emit, self._crossed)

    def _next_position(self) -> int:
        attempt = min(self.ctx.attempt, _POSITIONS_EACH // _ATTEMPTS_EACH) - 1
        place = attempt * _ATTEMPTS_EACH + len(self._positions)
        return _POSITIONS_FROM + self.position * _POSITIONS_EACH + place
