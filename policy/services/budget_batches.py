"""Many reservations of one tenant in one round trip and one commit.

Each stands or falls by itself, as if it came alone. Before the first of them all their budgets are locked in the order
of their ids: one after another they could wait for somebody who waits for them.
"""

from collections.abc import Sequence

from policy.services import budget_statements as sql
from policy.services.budget_rows import of_budgets
from policy.services.budgets import reserve_judged, reserve_values
from policy.types import Reserved, Reserving
from shannon_project.foundation.database import pipelined, rows_of, sent
from shannon_project.foundation.errors import ShannonError


def budgets_reserve(asked: Sequence[Reserving]) -> list[Reserved | ShannonError]:
    """Set aside for several effects of one tenant; return what became of each: what `budget_reserve` returns or raises.

    Outside of a transaction it is one of its own.
    """
    if len(asked) == 1:
        return [_judged(asked[0], rows_of(sent(sql.RESERVE, reserve_values(asked[0]))))]
    with pipelined():
        every = {ref: None for each in asked for ref in each.budgets}
        sent(sql.LOCK_NAMED, of_budgets(asked[0].tenant_id, list(every)))
        cursors = [sent(sql.RESERVE, reserve_values(each)) for each in asked]
    return [_judged(each, rows) for each, rows in zip(asked, map(rows_of, cursors), strict=True)]


def _judged(asked: Reserving, rows: list[dict[str, object]]) -> Reserved | ShannonError:
    try:
        return reserve_judged(asked, rows)
    except ShannonError as error:
        return error
