"""Settling reservations to what their effects really cost, and ending those of which nobody tells."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db.backends.utils import CursorWrapper
from django.db.models.functions import Now

from policy.errors import ReservationMissing
from policy.metrics import RESERVATIONS_EXPIRED
from policy.models import Reservation
from policy.services.budget_statements import ROLLED
from policy.types import Amount, Purchase, ReservationStatus, Settlement
from shannon_project.foundation.database import pipelined, rows_of, sent

_SETTLE_ATTEMPTS: Final = 5

_COLUMNS: Final[Mapping[str, str]] = {
    "step_id": "uuid",
    "position": "int",
    "tokens": "bigint",
    "usd": "numeric",
    "model": "text",
    "prompt": "bigint",
    "completion": "bigint",
    "is_priced": "bool",
    "is_estimate": "bool",
}
"""What is told of a settlement, and its type in SQL."""
_MANY: Final = f"unnest({', '.join(f'%({name})s::{kind}[]' for name, kind in _COLUMNS.items())})"
_ONE: Final = f"(VALUES ({', '.join(f'%({name})s::{kind}' for name, kind in _COLUMNS.items())}))"
_SETTLE: Final = f"""
WITH asked AS MATERIALIZED (
    SELECT * FROM {{asked}} AS a({", ".join(_COLUMNS)})
), mine AS MATERIALIZED (
    SELECT r.id, r.budget_ids, r.status AS was, r.tokens AS set_aside_tokens, r.usd AS set_aside_usd, r.closed_at,
        coalesce(a.tokens, r.tokens) AS tokens, coalesce(a.usd, r.usd) AS usd,
        -- what expired was charged as it was reserved: only the difference is left to book
        coalesce(a.tokens, r.tokens) - CASE WHEN r.status = 'expired' THEN r.actual_tokens ELSE 0 END AS booked_tokens,
        coalesce(a.usd, r.usd) - CASE WHEN r.status = 'expired' THEN r.actual_usd ELSE 0 END AS booked_usd,
        coalesce(NULLIF(a.model, ''), r.model) AS model, a.prompt, a.completion, a.is_priced, a.is_estimate
    FROM policy_reservation r JOIN asked a ON a.step_id = r.step_id AND a.position = r.position
    WHERE r.status = ANY(%(from_statuses)s)
), locked AS MATERIALIZED (
    SELECT id, {ROLLED} AS is_rolled,
        CASE WHEN period = '' THEN '-infinity' WHEN {ROLLED} THEN now() ELSE period_start END AS since
    FROM policy_budget
    WHERE id IN (SELECT unnest(budget_ids) FROM mine)
    ORDER BY id
    FOR NO KEY UPDATE
), ready AS MATERIALIZED (
    SELECT count(*) AS budgets FROM locked
), settled AS (
    UPDATE policy_reservation r
    SET status = %(to_status)s, closed_at = statement_timestamp(), actual_tokens = mine.tokens, actual_usd = mine.usd
    FROM ready, mine
    WHERE ready.budgets > 0 AND r.id = mine.id AND r.status = mine.was
    RETURNING r.tenant_id, r.user_id, r.task_id, r.step_id, r.position, r.budget_ids, mine.was = 'held' AS was_held,
        mine.set_aside_tokens, mine.set_aside_usd, mine.booked_tokens, mine.booked_usd,
        CASE WHEN mine.was = 'expired' THEN 'corrected' ELSE r.status END AS kind,
        CASE WHEN mine.was = 'expired' THEN mine.closed_at ELSE clock_timestamp() END AS booked_at,
        mine.model, mine.prompt, mine.completion, mine.is_priced, mine.is_estimate
), entered AS (
    INSERT INTO policy_ledgerentry (
        id, tenant_id, user_id, task_id, step_id, position, budget_ids, kind, model, prompt_tokens, completion_tokens,
        tokens, usd, is_price_known, is_estimate, created_at
    )
    SELECT gen_random_uuid(), tenant_id, user_id, task_id, step_id, position, budget_ids, kind, model, prompt,
        completion, booked_tokens, booked_usd, is_priced, is_estimate, booked_at
    FROM settled
), change AS MATERIALIZED (
    SELECT locked.id, locked.is_rolled,
        coalesce(sum(s.set_aside_tokens) FILTER (WHERE s.was_held), 0)::bigint AS held_tokens,
        coalesce(sum(s.set_aside_usd) FILTER (WHERE s.was_held), 0) AS held_usd,
        -- a correction belongs to the period in which its reservation expired, even if that is over
        coalesce(sum(s.booked_tokens) FILTER (WHERE s.booked_at >= locked.since), 0)::bigint AS tokens,
        coalesce(sum(s.booked_usd) FILTER (WHERE s.booked_at >= locked.since), 0) AS usd
    FROM (SELECT unnest(budget_ids) AS budget_id, * FROM settled) s JOIN locked ON locked.id = s.budget_id
    GROUP BY locked.id, locked.is_rolled
), moved AS (
    UPDATE policy_budget b
    SET reserved_tokens = b.reserved_tokens - change.held_tokens, reserved_usd = b.reserved_usd - change.held_usd,
        spent_tokens = CASE WHEN change.is_rolled THEN 0 ELSE b.spent_tokens END + change.tokens,
        spent_usd = CASE WHEN change.is_rolled THEN 0 ELSE b.spent_usd END + change.usd,
        period_start = CASE WHEN change.is_rolled THEN now() ELSE b.period_start END,
        notified_at = CASE WHEN change.is_rolled THEN NULL ELSE b.notified_at END,
        consented_at = CASE WHEN change.is_rolled THEN NULL ELSE b.consented_at END
    FROM change
    WHERE b.id = change.id
)
SELECT step_id, position FROM settled
"""  # noqa: S608 - made of constants
"""Settle reservations that have one of the given statuses, or let them expire; each at its own amounts where none are
given. Returns those that were."""
_SETTLE_MANY: Final = _SETTLE.format(asked=_MANY)
_SETTLE_ONE: Final = _SETTLE.format(asked=_ONE)
"""For a call that is alone: of arrays the server cannot tell how long they are, so it plans the statement at each
execution, which takes three times as long as to run it."""


def budget_settle(*, step_id: UUID, position: int, actual: Amount, purchase: Purchase | None = None) -> None:
    """Turn a reservation into spending, once, and enter it in the ledger. One statement; again it changes nothing.

    An actual amount above the reserved one is charged in full, even beyond a limit. A reservation that was released
    in the meantime is charged too (the effect did happen); of one that expired, the difference is.

    Args:
        step_id: As reserved.
        position: As reserved.
        actual: What it cost.
        purchase: What was bought; user and task are those of the reservation.

    Raises:
        ReservationMissing: Nothing was ever reserved under this key: the caller's fault.
    """
    budgets_settle([Settlement(step_id, position, actual, purchase or Purchase())])


def budgets_settle(settlements: Sequence[Settlement], *, with_them: Callable[[], None] = lambda: None) -> None:
    """Settle several effects, as `budget_settle` does one: in one statement.

    Args:
        settlements: In any order.
        with_them: Executes what belongs to them; it is sent in the same round trip, and reads nothing.

    Raises:
        ReservationMissing: See `budget_settle`; outside of a transaction the others are settled then.
    """
    left = {(each.step_id, each.position): each for each in settlements}
    with pipelined():
        settled = _settling(settlements)
        with_them()
    _strike(left, rows_of(settled))
    for _ in range(_SETTLE_ATTEMPTS):  # again only what was released or expired while this waited for the budgets
        if not left:
            return
        kept = Reservation.objects.filter(step_id__in={step_id for step_id, _ in left})
        statuses = {(step_id, at): status for step_id, at, status in kept.values_list("step_id", "position", "status")}
        for step_id, position in list(left):
            status = statuses.get((step_id, position))
            if status is None:
                raise ReservationMissing(details={"step_id": str(step_id), "position": position})
            if status == ReservationStatus.SETTLED:
                del left[step_id, position]
        if left:
            _strike(left, rows_of(_settling(list(left.values()))))


def _strike(left: dict[tuple[UUID, int], Settlement], rows: Sequence[Mapping[str, Any]]) -> None:
    for row in rows:
        del left[row["step_id"], row["position"]]


def _settling(
    settlements: Sequence[Settlement],
    *,
    from_statuses: Sequence[str] = ("held", "released", "expired"),
    to_status: str = ReservationStatus.SETTLED.value,
) -> CursorWrapper:
    """Settle those that have one of the statuses; which they were is to be read."""
    told = [_told(each) for each in settlements]
    is_one = len(told) == 1
    values = {name: told[0][name] if is_one else [each[name] for each in told] for name in _COLUMNS}
    statuses = {"from_statuses": list(from_statuses), "to_status": to_status}
    return sent(_SETTLE_ONE if is_one else _SETTLE_MANY, values | statuses)


def _told(settlement: Settlement) -> dict[str, Any]:
    """Return the values of `_COLUMNS`."""
    actual, buys = settlement.actual, settlement.purchase
    return {
        "step_id": settlement.step_id,
        "position": settlement.position,
        "tokens": None if actual is None else actual.tokens,
        "usd": None if actual is None else actual.usd,
        "model": buys.model,
        "prompt": buys.prompt_tokens,
        "completion": buys.completion_tokens,
        "is_priced": buys.is_price_known,
        "is_estimate": buys.is_estimate,
    }


def reservations_expire(*, older_than_seconds: float, limit: int) -> int:
    """Charge what nobody told the end of: whoever reserved it died, and the provider may have been paid.

    One statement for all. A late settlement books the difference.

    Args:
        older_than_seconds: Longer than any effect may take: its step's deadline.
        limit: At most so many.

    Returns:
        How many were charged.
    """
    before = Now() - timedelta(seconds=older_than_seconds)
    held = Reservation.objects.filter(status=ReservationStatus.HELD, created_at__lt=before).order_by("created_at")
    keys = list(held.values_list("step_id", "position")[:limit])
    overdue = [Settlement(step_id, position, None, Purchase(is_estimate=True)) for step_id, position in keys]
    if overdue:
        _settling(overdue, from_statuses=["held"], to_status=ReservationStatus.EXPIRED.value).close()
    RESERVATIONS_EXPIRED.inc(len(keys))
    return len(keys)
