"""What is written when a call has ended: what it cost, and a row for each attempt."""

from dataclasses import dataclass, field
from datetime import datetime

from agents.context import Emit, StepContext
from agents.llm.accounts import lost_charge, settlement_of, usage_count
from agents.llm.books import Books, Ended
from agents.llm.calls.asking import Asking
from agents.llm.calls.permitted import Permitted
from agents.llm.errors import ModelUsage
from agents.llm.records import CallFacts, CallRows, calls_write
from agents.llm.repeats import Repeats
from agents.llm.routing import used_by
from agents.llm.types import ModelReply, ModelRequest
from policy.services import budget_release


@dataclass(slots=True)
class Account:
    """The account of one call.

    Attributes:
        ctx: Whose step it is, and what pays.
        request: What was asked.
        permitted: What might answer.
        books: Where it is written.
        repeats: What was set aside for further attempts.
        position: The call's place in the step's journal.
        digest: Of the request.
        began_at: When the call began.
        asking: What was asked; it is there when the call has ended.
        lost: What attempts used whose answer was not taken.
    """

    ctx: StepContext
    request: ModelRequest
    permitted: Permitted
    books: Books
    repeats: Repeats
    position: int
    digest: str
    began_at: datetime
    asking: Asking = field(init=False)
    lost: ModelUsage | None = None

    def total(self, reply: ModelReply) -> ModelUsage:
        """Return what the answer and the failed attempts before it used."""
        used = used_by(reply)
        return used if self.lost is None else used.plus(self.lost)

    def settle(self, emit: Emit, reply: ModelReply) -> None:
        """Write the end of a call that was answered."""
        total = self.total(reply)
        settlement = settlement_of(self.ctx, self.position, total, reply.model)
        self.books.settle(Ended(settlement, self._rows(reply), self.repeats.positions))
        self.repeats.tell(emit)
        self._count(total, reply.model)

    def release(self, emit: Emit) -> None:
        """Give the reservation of a call that failed back, and charge what was used all the same."""
        lost, rows = self.lost, self._rows()

        def write() -> None:
            budget_release(step_id=self.ctx.step_id, positions=[self.position, *self.repeats.positions])
            calls_write([rows])
            if lost is not None:
                self._charge(lost)

        self.books.write(write)
        self.repeats.tell(emit)

    def abandon(self) -> None:
        """Account for a call that was left, by estimate; apart from the step, which may be another worker's by now."""
        self.lost = lost = self.asking.route.lost(but_last=False)
        rows = self._rows()

        def write() -> None:
            # budgets before the kept texts, as everywhere: two calls that ask the same must not wait for each other
            if lost is not None:
                self._charge(lost)
            if self.repeats.positions:
                budget_release(step_id=self.ctx.step_id, positions=self.repeats.positions)
            calls_write([rows])

        self.books.write_apart(write)

    def _charge(self, lost: ModelUsage) -> None:
        model = self.permitted.model.name
        lost_charge(self.ctx, self.position, lost, model)
        self._count(lost, model)

    def _rows(self, reply: ModelReply | None = None) -> CallRows:
        days = self.permitted.chosen.tenant.prompt_retention_days
        facts = CallFacts(self.ctx, self.request, self.position, self.digest, days, self.began_at)
        return CallRows.of(facts, self.asking.route.attempts, reply)

    def _count(self, used: ModelUsage, model: str) -> None:
        price_of = self.permitted.gateway.price_of
        price = next((price_of(known) for known in self.permitted.models if known.name == model), None)
        usage_count(used, model, price)
