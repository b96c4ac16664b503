"""What the budgets allow: a strategy, or what it degrades to, step by step. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestration.strategies.base import Strategy


@dataclass(frozen=True, slots=True)
class Means:
    """What is left to pay with, and in which budget: the tightest of those that pay.

    Attributes:
        tokens: Tokens that are left; of a budget in dollars, as many as they buy.
        scope: Whose budget it is: `task`, `session`, `user`, `tenant`, or `node` of a template.
        period: `day` or `month`; empty: it lasts.
        usd: The dollars that are left, as text, where they are what is tight; None: it is the tokens.
    """

    tokens: int
    scope: str
    period: str = ""
    usd: str | None = None

    @property
    def budget(self) -> str:
        """The budget in words."""
        return f"{self.scope}'s budget of the {self.period}" if self.period else f"{self.scope}'s budget"

    def as_json(self) -> dict[str, Any]:
        """Return which budget it is, as the event has it."""
        told: dict[str, Any] = {
            "scope": self.scope,
            "period": self.period,
            "unit": "tokens" if self.usd is None else "usd",
        }
        return told | ({} if self.usd is None else {"left_usd": self.usd})


@dataclass(frozen=True, slots=True)
class Degradation:
    """A strategy that was not begun because too little is left to pay for it."""

    asked: str
    taken: str
    needs_tokens: int
    means: Means
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """The degradation in words."""
        left = f"{self.means.tokens:,} tokens"
        if self.means.usd is not None:
            left = f"${self.means.usd}, about {left},"
        return (
            f"{left} are left in the {self.means.budget} and {self.asked} needs {self.needs_tokens:,}: "
            f"{self.taken} instead"
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as the event has it; `parameters` are those of what is taken, where it has any."""
        told = {
            "from": self.asked,
            "to": self.taken,
            "needs_tokens": self.needs_tokens,
            "left_tokens": self.means.tokens,
            "budget": self.means.as_json(),
        }
        return told | ({"parameters": dict(self.parameters)} if self.parameters else {})


def affordable(
    strategies: Mapping[str, Strategy], name: str, parameters: Mapping[str, Any], means: Means | None
) -> tuple[str, dict[str, Any], tuple[Degradation, ...]]:
    """Return the strategy and parameters to begin with, and what was passed over on the way there.

    Args:
        strategies: All of them, by name.
        name: The one that is wanted.
        parameters: Its parameters, without those that have their default.
        means: What is left to pay with; None: no limit.
    """
    given = dict(parameters)
    steps: list[Degradation] = []
    while means is not None:
        strategy = strategies[name]
        needed = strategy.tokens_needed(given)
        lesser, fewer = strategy.cheaper(given)
        if means.tokens >= needed or not lesser:
            break
        known = {part: tier for part, tier in (fewer.get("tiers") or {}).items() if part in strategies[lesser].parts}
        fewer = {key: value for key, value in fewer.items() if key != "tiers"} | ({"tiers": known} if known else {})
        steps.append(Degradation(name, lesser, needed, means, fewer))
        name, given = lesser, fewer
    return name, given, tuple(steps)
