"""Where reservations, settlements and rows of calls are written: in a step's own transaction, or as direct calls do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from django.db import transaction

from agents.llm.records import CallRows, calls_write
from policy.services import budget_release, budget_reserve, budgets_settle
from policy.types import Reserved, Reserving, Settlement
from shannon_project.foundation.gathering import write_soon


@dataclass(frozen=True, slots=True)
class Ended:
    """A call that was answered: what it cost, a row for each attempt, and what was set aside for further attempts."""

    settlement: Settlement
    rows: CallRows
    beside: Sequence[int] = ()


class Books(Protocol):
    """Writes what calls cost."""

    waits: ClassVar[bool]
    """Whether a call waits for money that others have only set aside; otherwise it is refused at once."""

    def reserve(self, asked: Reserving) -> Reserved:
        """Set money aside; see `policy.services.budget_reserve`."""

    def settle(self, ended: Ended) -> None:
        """Write the end of a call; see `policy.services.budget_settle`."""

    def write(self, work: Callable[[], None]) -> None:
        """Write the end of a call that failed, which belongs together."""

    def write_apart(self, work: Callable[[], None]) -> None:
        """Write the end of a call that was left, in a transaction of its own: the step may be another's by now."""


class StepBooks:
    """Writes at once, in the transaction that is open."""

    waits: ClassVar[bool] = True

    def reserve(self, asked: Reserving) -> Reserved:
        """See `Books`. One statement."""
        return budget_reserve(
            tenant_id=asked.tenant_id,
            step_id=asked.step_id,
            position=asked.position,
            budgets=asked.budgets,
            amount=asked.amount,
            cheaper=asked.cheaper,
            purchase=asked.purchase,
            is_consented=asked.is_consented,
            was_begun=asked.was_begun,
        )

    def settle(self, ended: Ended) -> None:
        """See `Books`. One round trip; where writes are gathered, at their end, with those of other steps."""
        write_soon(ended_write, ended)

    def write(self, work: Callable[[], None]) -> None:
        """See `Books`."""
        work()

    def write_apart(self, work: Callable[[], None]) -> None:
        """See `Books`."""
        with transaction.atomic():
            work()


def ended_write(ended: Sequence[Ended]) -> None:
    """Settle calls and write their rows; outside of a transaction that is one of its own.

    Raises:
        ReservationMissing: See `policy.services.budgets_settle`.
    """

    def with_them() -> None:
        for each in ended:
            if each.beside:
                budget_release(step_id=each.settlement.step_id, positions=each.beside)
        # budgets before the kept texts, as everywhere: two calls that say the same must not wait for each other
        calls_write([each.rows for each in ended])

    budgets_settle([each.settlement for each in ended], with_them=with_them)
