"""Budgets: reserve before an effect, settle to what it really cost, release when it did not happen.

All of it runs in the caller's transaction, in one statement each on the hot path. A statement first locks its budget
rows, always in the order of their ids, so that two callers can never wait for each other; the locks last until the
caller commits, so commit soon. Reservations are keyed by (step, position in the step's journal): asking again for the
same key changes nothing.

Spent + reserved never exceeds a limit by a reservation. It can by settling: a provider may bill more than was
reserved, and that is charged in full and visible, because the money is gone.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from policy.errors import BudgetExceeded, BudgetNotOpen, ReservationMissing
from policy.metrics import BUDGET_REFUSALS
from policy.models import Reservation
from policy.services import budget_statements as sql
from policy.types import Amount, BudgetRef, Charge, ReservationStatus


def budget_reserve(
    *, tenant_id: UUID, step_id: UUID, position: int, budgets: Sequence[BudgetRef], amount: Amount
) -> None:
    """Set an amount aside in several budgets at once: in all of them or in none. One statement.

    The same step and position again changes nothing, unless it was released: then it is set aside anew.
    A refusal leaves the transaction usable; if the caller rolls back with it, it calls `refusal_record` afterwards.

    Args:
        tenant_id: Who pays; budgets of others count as not open.
        step_id: The step whose effect it is.
        position: The effect's place in the step's journal.
        budgets: At least one, each of them opened before.
        amount: The most that the effect should cost.

    Raises:
        BudgetExceeded: `details`: scope, scope_id, unit, limit, spent, reserved, asked of the first budget that is
        too small. BudgetNotOpen: The caller's fault.
    """
    charge = Charge(tenant_id, step_id, position, tuple(budgets), amount)
    _take([charge], settle=False)


def budget_charge(
    *, tenant_id: UUID, step_id: UUID, position: int, budgets: Sequence[BudgetRef], amount: Amount
) -> None:
    """Reserve and settle in one, for an effect whose cost is known. One statement; refused like a reservation.

    Raises:
        BudgetExceeded, BudgetNotOpen: As `budget_reserve`.
    """
    budgets_charge([Charge(tenant_id, step_id, position, tuple(budgets), amount)])


def budgets_charge(charges: Sequence[Charge]) -> None:
    """Charge many effects at once: all of them or none. One statement for all that share a tenant and budgets.

    Raises:
        BudgetExceeded, BudgetNotOpen: As `budget_reserve`; `asked` is the sum.
    """
    groups: dict[tuple[UUID, tuple[BudgetRef, ...]], list[Charge]] = {}
    for charge in charges:
        groups.setdefault((charge.tenant_id, charge.budgets), []).append(charge)
    for group in groups.values():
        _take(group, settle=True)


def budget_settle(*, step_id: UUID, position: int, actual: Amount) -> None:
    """Turn a reservation into spending, once. One statement; settling again changes nothing.

    An actual amount above the reserved one is charged in full, even beyond a limit. A reservation that was released
    in the meantime is charged too (the effect did happen).

    Raises:
        ReservationMissing: Nothing was ever reserved under this key: the caller's fault.
    """
    if _execute(sql.SETTLE, _settle_values(step_id, position, actual, ReservationStatus.HELD)):
        return
    if _execute(sql.SETTLE, _settle_values(step_id, position, actual, ReservationStatus.RELEASED)):
        return
    if not Reservation.objects.filter(step_id=step_id, position=position).exists():
        raise ReservationMissing(details={"step_id": str(step_id), "position": position})


def budget_release(*, step_id: UUID, position: int | None = None) -> None:
    """Give back what is still reserved, under one position or under all of the step. One statement; idempotent."""
    _execute(sql.RELEASE, {"step_id": step_id, "position": position})


def budgets_release(step_ids: Sequence[UUID]) -> None:
    """Give back whatever several steps still hold: they have ended, so nobody will settle it. Idempotent.

    One statement when they hold nothing, one more for each step that does.
    """
    held = Reservation.objects.filter(step_id__in=step_ids, status=ReservationStatus.HELD)
    for step_id in sorted(set(held.values_list("step_id", flat=True))):
        budget_release(step_id=step_id)


def _take(charges: Sequence[Charge], *, settle: bool) -> None:
    """Reserve or charge effects that share a tenant and budgets."""
    first = charges[0]
    if not first.budgets:
        raise BudgetNotOpen("No budget was named: an effect must be paid by one.")
    values = {
        "tenant_id": first.tenant_id,
        "scopes": [str(ref.scope) for ref in first.budgets],
        "scope_ids": [ref.scope_id for ref in first.budgets],
        "budget_count": len(set(first.budgets)),
        "steps": [charge.step_id for charge in charges],
        "positions": [charge.position for charge in charges],
        "tokens": [charge.amount.tokens for charge in charges],
        "usd": [charge.amount.usd for charge in charges],
        "settle": settle,
    }
    budgets = _rows(sql.TAKE, values)
    if budgets and budgets[0]["taken"]:
        return
    if len(budgets) < len(set(first.budgets)):
        missing = {(str(r.scope), r.scope_id) for r in first.budgets} - {(b["scope"], b["scope_id"]) for b in budgets}
        raise BudgetNotOpen(details={"missing": sorted(f"{scope} {scope_id}" for scope, scope_id in missing)})
    _raise_unless_taken_before(charges, budgets)


def _raise_unless_taken_before(charges: Sequence[Charge], budgets: list[dict[str, Any]]) -> None:
    """Nothing was taken: either all of it was taken before, or a budget is too small."""
    if all(budget["fits_tokens"] and budget["fits_usd"] for budget in budgets):
        return
    known = set(_open_or_settled(charges))
    fresh = [charge for charge in charges if (charge.step_id, charge.position) not in known]
    if not fresh:
        return
    asked = sum((charge.amount for charge in fresh), Amount())
    raise _exceeded(next(b for b in budgets if not (b["fits_tokens"] and b["fits_usd"])), asked, fresh[0])


def _open_or_settled(charges: Sequence[Charge]) -> list[tuple[UUID, int]]:
    rows = Reservation.objects.filter(step_id__in={charge.step_id for charge in charges}).exclude(
        status=ReservationStatus.RELEASED
    )
    return list(rows.values_list("step_id", "position"))


def _exceeded(budget: dict[str, Any], asked: Amount, charge: Charge) -> BudgetExceeded:
    unit = "tokens" if not budget["fits_tokens"] else "usd"
    asked_value = asked.tokens if unit == "tokens" else asked.usd
    limit, spent, reserved = (budget[f"{name}_{unit}"] for name in ("limit", "spent", "reserved"))
    BUDGET_REFUSALS.labels(scope=budget["scope"]).inc()
    return BudgetExceeded(
        f"The budget of the {budget['scope']} does not cover this: of {_shown(limit)} {unit}, {_shown(spent)} are "
        f"spent and {_shown(reserved)} reserved; {_shown(asked_value)} were asked for. Raise it or ask for less.",
        details={
            "scope": budget["scope"],
            "scope_id": str(budget["scope_id"]),
            "unit": unit,
            "limit": _as_json(limit),
            "spent": _as_json(spent),
            "reserved": _as_json(reserved),
            "asked": _as_json(asked_value),
            "step_id": str(charge.step_id),
            "position": charge.position,
        },
    )


def _shown(value: Any) -> str:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def _as_json(value: Any) -> int | str:
    return _shown(value) if isinstance(value, Decimal) else int(value)


def _settle_values(step_id: UUID, position: int, actual: Amount, status: ReservationStatus) -> dict[str, Any]:
    return {
        "step_id": step_id,
        "position": position,
        "tokens": actual.tokens,
        "usd": actual.usd,
        "status": status.value,
        "is_held": status is ReservationStatus.HELD,
    }


def _execute(statement: str, values: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)


def _rows(statement: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
