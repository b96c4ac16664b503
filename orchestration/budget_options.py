"""The budgets that a request asks for in its context. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.conf import settings

from policy.types import BudgetLimits, BudgetScope
from shannon_project.foundation.errors import InvalidInput

BUDGET_MAX_TOKENS: Final = 10**12  # beyond every platform limit; larger numbers are mistakes
BUDGET_MAX_USD: Final = Decimal(1_000_000)
_SCOPES: Final = (BudgetScope.REQUEST, BudgetScope.STEP, BudgetScope.TASK, BudgetScope.SESSION)
_PERCENTS: Final = ("cheaper_tier_percent", "smaller_output_percent", "ask_person_percent")
_FIELDS: Final = ("tokens", "usd", *_PERCENTS)


@dataclass(frozen=True, slots=True)
class TaskBudget:
    """Limits that the request sets: of each model call, each agent, the task and its session. None: the platform's."""

    request: BudgetLimits = field(default_factory=BudgetLimits)
    step: BudgetLimits = field(default_factory=BudgetLimits)
    task: BudgetLimits = field(default_factory=BudgetLimits)
    session: BudgetLimits = field(default_factory=BudgetLimits)

    def opened(self, usd: Decimal | None) -> "TaskBudget":
        """Return it with the platform's limits of task and session: of two limits the tighter one holds.

        Args:
            usd: What a schedule allows each of its runs; None: no limit of its own.
        """
        task = BudgetLimits(settings.SHANNON_TASK_BUDGET_TOKENS, settings.SHANNON_TASK_BUDGET_USD)
        session = BudgetLimits(settings.SHANNON_SESSION_BUDGET_TOKENS, settings.SHANNON_SESSION_BUDGET_USD)
        return replace(
            self,
            task=task.tightest(BudgetLimits(usd=usd)).tightest(self.task),
            session=session.tightest(self.session),
        )

    def as_parameters(self) -> dict[str, Any]:
        """Return what the task's steps must know, as JSON."""
        limits = {"request": self.request, "step": self.step}
        return {name: limits_json(limit) for name, limit in limits.items() if limit.is_limited}


def budget_of(context: Mapping[str, Any]) -> TaskBudget:
    """Return the budgets of `budget_max`, `budget_agent_max` and `budget`; of two limits the tighter one holds.

    Raises:
        InvalidInput: One is not what it should be; the message names it (the caller's fault).
    """
    asked = context.get("budget")
    if asked is None:
        asked = {}
    if not isinstance(asked, Mapping):
        raise InvalidInput("context.budget: must be an object.", details={"field": "context.budget"})
    _known("context.budget", asked, [str(scope) for scope in _SCOPES])
    limits = {str(scope): _limits(f"context.budget.{scope}", asked.get(scope)) for scope in _SCOPES}
    task = BudgetLimits(tokens=_tokens("context.budget_max", context.get("budget_max")))
    step = BudgetLimits(tokens=_tokens("context.budget_agent_max", context.get("budget_agent_max")))
    return TaskBudget(
        request=limits["request"],
        step=limits["step"].tightest(step),
        task=limits["task"].tightest(task),
        session=limits["session"],
    )


def limits_json(limits: BudgetLimits) -> dict[str, Any]:
    """Return limits as JSON values that `limits_from` reads back."""
    return {
        "tokens": limits.tokens,
        "usd": None if limits.usd is None else str(limits.usd),
        "cheaper_tier_percent": limits.cheaper_tier_percent,
        "smaller_output_percent": limits.smaller_output_percent,
        "ask_person_percent": limits.ask_person_percent,
    }


def limits_from(value: Mapping[str, Any] | None) -> BudgetLimits:
    """Return the limits that `limits_json` wrote; None: no limits."""
    if value is None:
        return BudgetLimits()
    return BudgetLimits(**{**value, "usd": None if value["usd"] is None else Decimal(value["usd"])})


def _limits(name: str, value: Any) -> BudgetLimits:
    if value is None:
        return BudgetLimits()
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{name}: must be an object.", details={"field": name})
    _known(name, value, list(_FIELDS))
    return BudgetLimits(
        _tokens(f"{name}.tokens", value.get("tokens")),
        _usd(f"{name}.usd", value.get("usd")),
        *(_percent(f"{name}.{percent}", value.get(percent)) for percent in _PERCENTS),
    )


def _known(name: str, value: Mapping[str, Any], allowed: list[str]) -> None:
    if unknown := sorted(str(key)[:100] for key in value if key not in allowed):
        raise InvalidInput(
            f"{name}: unknown field: {', '.join(unknown)}. Allowed: {', '.join(allowed)}.",
            details={"unknown": unknown, "allowed": allowed},
        )


def _tokens(name: str, value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= BUDGET_MAX_TOKENS:
        message = f"{name}: must be a whole number of tokens from 1 to {BUDGET_MAX_TOKENS}."
        raise InvalidInput(message, details={"field": name})
    return value


def _usd(name: str, value: Any) -> Decimal | None:
    if value is None:
        return None
    try:
        usd = Decimal(str(value)) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except InvalidOperation:
        usd = None
    if usd is None or not usd.is_finite() or not 0 < usd <= BUDGET_MAX_USD:
        message = f"{name}: must be dollars above 0, at most {BUDGET_MAX_USD}, as a number or text."
        raise InvalidInput(message, details={"field": name})
    return usd


def _percent(name: str, value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 100:
        raise InvalidInput(f"{name}: must be a whole number from 1 to 100.", details={"field": name})
    return value
