"""Budgets: reserve before an effect, settle to what it really cost, release when it did not happen.

All of it runs in the caller's transaction, in one statement each on the hot path. A statement first locks its budget
rows, always in the order of their ids, so that two callers can never wait for each other; the locks last until the
caller commits, so commit soon. Reservations are keyed by (step, position in the step's journal): asking again for the
same key changes nothing.

Spent + reserved never exceeds a limit by a reservation. It can by settling: a provider may bill more than was
reserved, and that is charged in full and visible, because the money is gone.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from policy.errors import BudgetExceeded, BudgetNotOpen
from policy.models import Reservation
from policy.services import budget_statements as sql
from policy.services.budget_holds import is_held
from policy.services.budget_refusals import budget_asks_person, budget_exceeded
from policy.services.budget_rows import of_budgets
from policy.types import (
    Amount,
    BudgetPeriod,
    BudgetRef,
    BudgetScope,
    BudgetState,
    Charge,
    Degradation,
    Purchase,
    ReservationStatus,
    Reserved,
    Reserving,
)
from shannon_project.foundation.database import rows_of, sent


def budget_reserve(
    *,
    tenant_id: UUID,
    step_id: UUID,
    position: int,
    budgets: Sequence[BudgetRef],
    amount: Amount,
    cheaper: Mapping[Degradation, Amount] | None = None,
    purchase: Purchase | None = None,
    is_consented: bool = False,
    was_begun: bool = False,
) -> Reserved:
    """Set an amount aside in several budgets at once: in all of them or in none. One statement.

    The same step and position again changes nothing, unless it was released: then it is set aside anew.
    A refusal leaves the transaction usable; if the caller rolls back with it, it calls `refusal_record` afterwards.

    Args:
        tenant_id: Who pays; budgets of others count as not open.
        step_id: The step whose effect it is.
        position: The effect's place in the step's journal.
        budgets: At least one, each of them opened before, but for a user's. Those of all their periods count.
        amount: The most that the effect should cost.
        cheaper: What it would cost at each level of degradation. A level is taken when a budget's threshold asks for
            it, or when nothing above it fits and a budget allows it.
        purchase: For whom and from whom, for the accounts.
        is_consented: A person who was asked said yes; the budgets that wanted that ask nobody any more.
        was_begun: The effect began before and is tried again: nobody is asked about it now.

    Returns:
        The level that was taken (of an earlier call, if it was reserved before), and the budgets whose warning
        threshold was crossed for the first time.

    Raises:
        BudgetExceeded: `details`: scope, scope_id, period, unit, limit, spent, reserved, asked of the tightest budget
        that does not cover it. BudgetAsksPerson: They cover it, and a person is to be asked first.
        BudgetNotOpen: The caller's fault.
    """
    if is_held(step_id, position):
        return Reserved(Degradation.NONE)
    asked = Reserving(
        tenant_id, step_id, position, budgets, amount, cheaper, purchase, is_consented=is_consented, was_begun=was_begun
    )
    return reserve_judged(asked, rows_of(sent(sql.RESERVE, reserve_values(asked))))


def reserve_ways(asked: Reserving) -> dict[Degradation, Amount]:
    """Return what is to be set aside at each level: what cannot be made cheaper is as cheap as it gets."""
    ways = {Degradation.NONE: asked.amount}
    for level in (Degradation.CHEAPER_TIER, Degradation.SMALLER_OUTPUT):
        ways[level] = (asked.cheaper or {}).get(level, ways[Degradation(level - 1)])
    return ways


def reserve_values(asked: Reserving) -> dict[str, Any]:
    """Return the values of the statement that reserves."""
    _check_named(asked.budgets)
    buys = asked.purchase or Purchase()
    ways = reserve_ways(asked)
    return {
        **of_budgets(asked.tenant_id, asked.budgets),
        "step_id": asked.step_id,
        "position": asked.position,
        "levels": [int(level) for level in ways],
        "tokens": [way.tokens for way in ways.values()],
        "usd": [way.usd for way in ways.values()],
        "user_id": buys.user_id,
        "task_id": buys.task_id,
        "model": buys.model,
        "is_consented": asked.is_consented,
        "was_begun": asked.was_begun,
    }


def reserve_judged(asked: Reserving, rows: Sequence[Mapping[str, Any]]) -> Reserved:
    """Return what the statement did, by its rows; raises as `budget_reserve`."""
    _check_open(rows, asked.budgets)
    if rows[0]["known_level"] is not None:
        return Reserved(Degradation(rows[0]["known_level"]))
    if rows[0]["level"] is not None:
        return Reserved(Degradation(rows[0]["level"]), tuple(_state(row) for row in rows if row["is_crossed"]))
    others = Reservation.objects.filter(step_id=asked.step_id, position=asked.position)
    if (faster := others.exclude(status=ReservationStatus.RELEASED).first()) is not None:
        return Reserved(Degradation(faster.level))
    if rows[0]["fitting_level"] is not None:
        raise budget_asks_person([_state(row) for row in rows if row["asks"]])
    raise _exceeded(rows, reserve_ways(asked)[Degradation(rows[0]["allowed"])], asked.step_id, asked.position)


def budget_charge(
    *,
    tenant_id: UUID,
    step_id: UUID,
    position: int,
    budgets: Sequence[BudgetRef],
    amount: Amount,
    purchase: Purchase | None = None,
    is_spent: bool = False,
) -> None:
    """Reserve and settle in one, for an effect whose cost is known. One statement.

    Args:
        tenant_id: As `budget_reserve`, like the others.
        step_id: The step whose effect it is.
        position: The effect's place in the step's journal.
        budgets: What pays.
        amount: What it costs.
        purchase: For whom and from whom, for the accounts.
        is_spent: The money is gone already, so no limit refuses it, as none refuses a settlement.

    Raises:
        BudgetExceeded, BudgetNotOpen: As `budget_reserve`; the first not for what is spent.
    """
    _take([Charge(tenant_id, step_id, position, tuple(budgets), amount, purchase or Purchase())], is_spent=is_spent)


def budgets_charge(charges: Sequence[Charge]) -> None:
    """Charge many effects at once: all of them or none. One statement for all that share a tenant and budgets.

    Raises:
        BudgetExceeded, BudgetNotOpen: As `budget_reserve`; `asked` is the sum.
    """
    groups: dict[tuple[UUID, tuple[BudgetRef, ...]], list[Charge]] = {}
    for charge in charges:
        groups.setdefault((charge.tenant_id, charge.budgets), []).append(charge)
    for group in groups.values():
        _take(group)


def budget_release(*, step_id: UUID, position: int | None = None, positions: Sequence[int] | None = None) -> None:
    """Give back what is still reserved, under some positions or under all of the step. One statement; idempotent.

    It may be on its way when this returns, see `pipelined`.
    """
    places = [position] if position is not None else positions
    sent(sql.RELEASE, {"steps": [step_id], "positions": None if places is None else list(places)})


def budgets_release(step_ids: Sequence[UUID]) -> None:
    """Give back whatever several steps still hold: they have ended, so nobody will settle it. Idempotent.

    One statement, however many steps.
    """
    _execute(sql.RELEASE, {"steps": list(step_ids), "positions": None})


def _take(charges: Sequence[Charge], *, is_spent: bool = False) -> None:
    """Charge effects that share a tenant and budgets; no limit refuses what is spent already."""
    first = charges[0]
    _check_named(first.budgets)
    buys = [charge.purchase for charge in charges]
    values = {
        **of_budgets(first.tenant_id, first.budgets),
        "steps": [charge.step_id for charge in charges],
        "positions": [charge.position for charge in charges],
        "tokens": [charge.amount.tokens for charge in charges],
        "usd": [charge.amount.usd for charge in charges],
        "user_ids": [buy.user_id for buy in buys],
        "task_ids": [buy.task_id for buy in buys],
        "models": [buy.model for buy in buys],
        "prompts": [buy.prompt_tokens for buy in buys],
        "completions": [buy.completion_tokens for buy in buys],
        "priced": [buy.is_price_known for buy in buys],
        "estimated": [buy.is_estimate for buy in buys],
        "is_spent": is_spent,
    }
    rows = rows_of(sent(sql.CHARGE, values))
    _check_open(rows, first.budgets)
    if rows[0]["taken"] or is_spent or all(row["fits_tokens"] and row["fits_usd"] for row in rows):
        return  # all of it, now or before
    known = set(_open_or_settled(charges))
    fresh = [charge for charge in charges if (charge.step_id, charge.position) not in known]
    if fresh:
        asked = sum((charge.amount for charge in fresh), Amount())
        raise _exceeded(rows, asked, fresh[0].step_id, fresh[0].position)


def _check_named(budgets: Sequence[BudgetRef]) -> None:
    if not budgets:
        raise BudgetNotOpen("No budget was named: an effect must be paid by one.")


def _check_open(rows: Sequence[Mapping[str, Any]], budgets: Sequence[BudgetRef]) -> None:
    found = {(row["scope"], row["scope_id"]) for row in rows}
    needed = {(str(ref.scope), ref.scope_id) for ref in budgets if ref.scope is not BudgetScope.USER}
    if missing := needed - found:
        raise BudgetNotOpen(details={"missing": sorted(f"{scope} {scope_id}" for scope, scope_id in missing)})


def _open_or_settled(charges: Sequence[Charge]) -> list[tuple[UUID, int]]:
    rows = Reservation.objects.filter(step_id__in={charge.step_id for charge in charges}).exclude(
        status=ReservationStatus.RELEASED
    )
    return list(rows.values_list("step_id", "position"))


def _exceeded(rows: Sequence[Mapping[str, Any]], asked: Amount, step_id: UUID, position: int) -> BudgetExceeded:
    """Return the refusal; it names the budget that has the least left for what was asked."""
    state, unit = min(
        ((_state(row), unit) for row in rows for unit in ("tokens", "usd") if _lacks(_state(row), unit, asked)),
        key=lambda found: _left_share(found[0], found[1], asked),
    )
    return budget_exceeded(state, unit, asked, step_id=step_id, position=position)


def _lacks(state: BudgetState, unit: str, asked: Amount) -> bool:
    left = _unlimited_or_left(state, unit)
    return left is not None and left < getattr(asked, unit)


def _left_share(state: BudgetState, unit: str, asked: Amount) -> Decimal:
    return Decimal(_unlimited_or_left(state, unit) or 0) / Decimal(getattr(asked, unit))


def _unlimited_or_left(state: BudgetState, unit: str) -> Decimal | int | None:
    return state.left_tokens if unit == "tokens" else state.left_usd


def _state(row: Mapping[str, Any]) -> BudgetState:
    return BudgetState(
        scope=BudgetScope(row["scope"]),
        scope_id=row["scope_id"],
        period=BudgetPeriod(row["period"]),
        subject=row["subject"],
        **{
            f"{name}_{unit}": row[f"{name}_{unit}"]
            for name in ("limit", "spent", "reserved")
            for unit in ("tokens", "usd")
        },
    )


def _execute(statement: str, values: dict[str, Any]) -> int:
    with sent(statement, values) as cursor:
        return int(cursor.rowcount)
