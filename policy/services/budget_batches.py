"""Many reservations or settlements of one tenant in one round trip and one commit.

Each stands or falls by itself, as if it came alone. Before the first of them all their budgets are locked in the order
of their ids: one after another they could wait for somebody who waits for them.
"""

from collections.abc import Callable, Sequence

from policy.services import budget_statements as sql
from policy.services.budgets import budget_settle, of_budgets, reserve_judged, reserve_values, settle_values
from policy.types import Reserved, Reserving, Settlement
from shannon_project.foundation.database import pipelined, rows_of, sent
from shannon_project.foundation.errors import ShannonError


def budgets_reserve(asked: Sequence[Reserving]) -> list[Reserved | ShannonError]:
    """Set aside for several effects of one tenant; return what became of each: what `budget_reserve` returns or raises.

    Outside of a transaction it is one of its own.
    """
    with pipelined():
        if len(asked) > 1:
            every = {ref: None for each in asked for ref in each.budgets}
            sent(sql.LOCK_NAMED, of_budgets(asked[0].tenant_id, list(every)))
        cursors = [sent(sql.RESERVE, reserve_values(each)) for each in asked]
    return [_judged(each, rows) for each, rows in zip(asked, map(rows_of, cursors), strict=True)]


def budgets_settle(settled: Sequence[Settlement], *, with_them: Callable[[], None]) -> None:
    """Settle several effects of one tenant, as `budget_settle` does one.

    Args:
        settled: In any order.
        with_them: Executes what belongs to them; it is sent in the same round trip, and reads nothing.

    Raises:
        ReservationMissing: See `budget_settle`; outside of a transaction the others are settled then.
    """
    with pipelined():
        if len(settled) > 1:
            keys = {"steps": [each.step_id for each in settled], "positions": [each.position for each in settled]}
            sent(sql.LOCK_RESERVED, keys)
        cursors = [sent(sql.SETTLE, settle_values(each)) for each in settled]
        with_them()
    for each, cursor in zip(settled, cursors, strict=True):
        with cursor:
            is_done = cursor.rowcount > 0
        if not is_done:  # settled before, or released while it waited
            budget_settle(step_id=each.step_id, position=each.position, actual=each.actual, purchase=each.purchase)


def _judged(asked: Reserving, rows: list[dict[str, object]]) -> Reserved | ShannonError:
    try:
        return reserve_judged(asked, rows)
    except ShannonError as error:
        return error
