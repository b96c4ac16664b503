"""How a budget says no: which one, its limit, what is spent, reserved and asked."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from policy.errors import BudgetAsksPerson, BudgetExceeded
from policy.metrics import BUDGET_REFUSALS
from policy.types import Amount, BudgetLimits, BudgetPeriod, BudgetScope, BudgetState


def budget_exceeded(state: BudgetState, unit: str, asked: Amount, *, step_id: UUID, position: int) -> BudgetExceeded:
    """Return the refusal by one budget; it is counted.

    Args:
        state: The budget, as it was when it refused.
        unit: `tokens` or `usd`: what it lacks.
        asked: What was asked for, at the cheapest that was allowed.
        step_id: Whose effect it was.
        position: The effect's place in its journal.
    """
    limit, spent, reserved = (getattr(state, f"{name}_{unit}") for name in ("limit", "spent", "reserved"))
    wanted = getattr(asked, unit)
    BUDGET_REFUSALS.labels(scope=str(state.scope)).inc()
    period = f" of this {state.period}" if state.period else ""
    return BudgetExceeded(
        f"The budget of the {state.scope}{period} does not cover this: of {shown(limit)} {unit}, {shown(spent)} are "
        f"spent and {shown(reserved)} reserved; {shown(wanted)} were asked for. Raise it or ask for less.",
        details={
            "scope": str(state.scope),
            "scope_id": str(state.scope_id),
            "period": str(state.period),
            "unit": unit,
            "limit": as_json(limit),
            "spent": as_json(spent),
            "reserved": as_json(reserved),
            "asked": as_json(wanted),
            "step_id": str(step_id),
            "position": position,
        },
    )


def budget_asks_person(budgets: Sequence[BudgetState]) -> BudgetAsksPerson:
    """Return the question whether it may go on; `budgets` are those that are used so far that a person is asked."""
    whose = " and ".join(f"the {state.scope}{f' of this {state.period}' if state.period else ''}" for state in budgets)
    return BudgetAsksPerson(
        f"Most of the budget of {whose} is used ({'; '.join(map(_used_words, budgets))}). May it go on?",
        details={"budgets": [state.as_json() for state in budgets]},
    )


def _used_words(state: BudgetState) -> str:
    return ", ".join(
        f"{shown(getattr(state, f'spent_{unit}') + getattr(state, f'reserved_{unit}'))} of {shown(limit)} {unit}"
        for unit in ("tokens", "usd")
        if (limit := getattr(state, f"limit_{unit}")) is not None
    )


def request_check(*, limits: BudgetLimits, asked: Amount, step_id: UUID, position: int) -> None:
    """Refuse one effect that asks for more than each may.

    Raises:
        BudgetExceeded: With the scope `request`.
    """
    state = BudgetState(
        scope=BudgetScope.REQUEST,
        scope_id=step_id,
        limit_tokens=limits.tokens,
        spent_tokens=0,
        reserved_tokens=0,
        limit_usd=limits.usd,
        spent_usd=Decimal(0),
        reserved_usd=Decimal(0),
        period=BudgetPeriod.NONE,
    )
    for unit, limit in (("tokens", limits.tokens), ("usd", limits.usd)):
        if limit is not None and getattr(asked, unit) > limit:
            raise budget_exceeded(state, unit, asked, step_id=step_id, position=position)


def shown(value: Any) -> str:
    """Return an amount for a person."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def as_json(value: Any) -> int | str:
    """Return an amount as JSON: dollars are text, so that nothing is rounded."""
    return shown(value) if isinstance(value, Decimal) else int(value)
