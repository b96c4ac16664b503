"""What the budgets allow: a strategy, or what it degrades to, step by step. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestration.strategies.base import Strategy


@dataclass(frozen=True, slots=True)
class Degradation:
    """A strategy that was not begun because too little is left to pay for it."""

    asked: str
    taken: str
    needs_tokens: int
    left_tokens: int
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """The degradation in words."""
        return f"{self.left_tokens} tokens are left and {self.asked} needs {self.needs_tokens}: {self.taken} instead"

    def as_json(self) -> dict[str, Any]:
        """Return it as the event has it; `parameters` are those of what is taken, where it has any."""
        told = {
            "from": self.asked,
            "to": self.taken,
            "needs_tokens": self.needs_tokens,
            "left_tokens": self.left_tokens,
        }
        return told | ({"parameters": dict(self.parameters)} if self.parameters else {})


def affordable(
    strategies: Mapping[str, Strategy], name: str, parameters: Mapping[str, Any], left_tokens: int | None
) -> tuple[str, dict[str, Any], tuple[Degradation, ...]]:
    """Return the strategy and parameters to begin with, and what was passed over on the way there.

    Args:
        strategies: All of them, by name.
        name: The one that is wanted.
        parameters: Its parameters, without those that have their default.
        left_tokens: What is left to pay with; None: no limit.
    """
    given = dict(parameters)
    steps: list[Degradation] = []
    while left_tokens is not None:
        strategy = strategies[name]
        needed = strategy.tokens_needed(given)
        lesser, fewer = strategy.cheaper(given)
        if left_tokens >= needed or not lesser:
            break
        known = {part: tier for part, tier in (fewer.get("tiers") or {}).items() if part in strategies[lesser].parts}
        fewer = {key: value for key, value in fewer.items() if key != "tiers"} | ({"tiers": known} if known else {})
        steps.append(Degradation(name, lesser, needed, left_tokens, fewer))
        name, given = lesser, fewer
    return name, given, tuple(steps)
