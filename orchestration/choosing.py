"""Which strategy works on a request, with which parameters, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from agents.services import model_override_check
from orchestration.errors import UnsupportedOption
from orchestration.options import STRATEGY_OF_MODE
from orchestration.strategies import OFFERED, REVIEWABLE, REVIEWED_BY_DEFAULT, STRATEGIES, Route, Strategy, route
from orchestration.wishes import Wishes
from shannon_project.foundation.errors import InvalidInput

ROUTED = frozenset(OFFERED)
"""What the router may choose by itself."""


@dataclass(frozen=True, slots=True)
class Degradation:
    """A strategy that was not begun because too little is left to pay for it."""

    asked: str
    taken: str
    needs_tokens: int
    left_tokens: int

    def as_json(self) -> dict[str, Any]:
        """Return it as the event has it."""
        return {
            "from": self.asked,
            "to": self.taken,
            "needs_tokens": self.needs_tokens,
            "left_tokens": self.left_tokens,
        }


@dataclass(frozen=True, slots=True)
class Choice:
    """The strategy, its checked parameters, and the route that the first event tells."""

    strategy: str
    parameters: Mapping[str, Any]
    route: Mapping[str, Any]
    degradations: tuple[Degradation, ...] = ()


def strategy_choose(query: str, wishes: Wishes, *, tenant_id: UUID) -> Choice:
    """Return the strategy that is asked for, or the router's.

    Raises:
        InvalidInput: The strategy's parameters are not valid; says which and why (the caller's fault).
        ModelUnknown: They name a model that may not be named (the caller's fault).
    """
    routed = route(query, ROUTED)
    if not wishes.mode and routed.is_unsure:
        parameters = {"candidates": list(routed.candidates)}
        return Choice("auto", parameters, _told("auto", routed, list(routed.reasons), ""))
    name = STRATEGY_OF_MODE[wishes.mode] if wishes.mode else routed.strategy
    reasons = [wishes.why] if wishes.mode else list(routed.reasons)
    parameters = parameters_check(STRATEGIES[name], wishes.parameters)
    for model in parameters.get("models", ()):
        model_override_check(tenant_id=tenant_id, override=model)
    return Choice(name, parameters, _told(name, routed, reasons, wishes.mode))


def _told(name: str, routed: Route, reasons: list[str], mode: str) -> dict[str, Any]:
    """Return the decision as the first event tells it."""
    return {
        "strategy": name,
        "score": routed.score,
        "scores": dict(routed.scores),
        "reasons": reasons,
        "is_unsure": routed.is_unsure,
        "candidates": list(routed.candidates),
        "asked_mode": mode,
    }


def reviewable(choice: Choice, query: str, wishes: Wishes, *, tenant_id: UUID) -> Choice:
    """Return a choice that plans, for a request that wants its plan reviewed.

    Raises:
        UnsupportedOption: The request wants a mode without a plan (the caller's fault).
    """
    if choice.strategy in REVIEWABLE:
        return choice
    if wishes.mode:
        message = f"context.require_review: mode '{wishes.mode}' has no plan to review; use standard, complex or none."
        raise UnsupportedOption(message, details={"fields": ["context.require_review", "mode"]})
    wanted = replace(wishes, mode=REVIEWED_BY_DEFAULT, why="its plan is to be reviewed")
    return strategy_choose(query, wanted, tenant_id=tenant_id)


def parameters_check(strategy: Strategy, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a strategy's parameters, checked, without those that have their default.

    Raises:
        InvalidInput: One is unknown or out of its limits (the caller's fault).
    """
    try:
        checked = strategy.parameters.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        allowed = sorted(strategy.parameters.model_fields)
        raise InvalidInput(
            f"strategy_parameters.{where}: {first['msg']}. {strategy.name} has: {', '.join(allowed)}.",
            details={"strategy": strategy.name, "allowed": allowed},
        ) from error
    if strange := sorted(set(checked.tiers) - set(strategy.parts)):
        parts = ", ".join(sorted(strategy.parts))
        raise InvalidInput(f"strategy_parameters.tiers: {strategy.name} has no part {strange[0]!r}; it has: {parts}.")
    return checked.model_dump(mode="json", exclude_defaults=True)


def degraded(choice: Choice, left_tokens: int | None) -> Choice:
    """Return what the budgets allow: the choice, or what its strategy degrades to, step by step.

    Args:
        choice: What was chosen.
        left_tokens: The least that is left in the budgets that pay; None: no limit.
    """
    steps: list[Degradation] = []
    strategy = STRATEGIES[choice.strategy]
    while left_tokens is not None and left_tokens < strategy.needs_tokens and strategy.degrades_to:
        steps.append(Degradation(strategy.name, strategy.degrades_to, strategy.needs_tokens, left_tokens))
        strategy = STRATEGIES[strategy.degrades_to]
    if not steps:
        return choice
    tiers = {part: tier for part, tier in (choice.parameters.get("tiers") or {}).items() if part in strategy.parts}
    return Choice(
        strategy.name, {"tiers": tiers} if tiers else {}, {**choice.route, "strategy": strategy.name}, tuple(steps)
    )
