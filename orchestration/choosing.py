"""Which strategy works on a request, with which parameters, and why."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.conf import settings
from pydantic import ValidationError

from agents.services import model_override_check
from orchestration.errors import UnsupportedOption
from orchestration.learning import records_of
from orchestration.options import STRATEGY_OF_MODE
from orchestration.strategies import (
    OFFERED,
    REVIEWABLE,
    REVIEWED_BY_DEFAULT,
    STRATEGIES,
    Degradation,
    Lesson,
    Means,
    Route,
    Strategy,
    affordable,
    lesson_of,
    route,
)
from orchestration.strategies.router import WITHOUT_TOOLS
from orchestration.wishes import Wishes
from shannon_project.foundation.errors import InvalidInput

AUTO = "auto"
NEEDS_MORE = frozenset({"template"})
"""What a request must name itself, since it needs more than the request's words."""
ROUTED = frozenset(OFFERED)
"""What the router knows."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The strategy, its checked parameters, and the route that the first event tells."""

    strategy: str
    parameters: Mapping[str, Any]
    route: Mapping[str, Any]
    degradations: tuple[Degradation, ...] = ()


def strategy_choose(
    query: str, wishes: Wishes, *, tenant_id: UUID, has_files: Callable[[], bool] = lambda: False
) -> Choice:
    """Return the strategy that is asked for, or the router's, or the one that its tenant's outcomes speak for.

    Asks the database only where the router learns and no mode is named.

    Args:
        query: The request.
        wishes: What it asks for.
        tenant_id: Whose it is.
        has_files: Tells whether its session has files; asked only where a strategy without tools would be taken.

    Raises:
        InvalidInput: The strategy's parameters are not valid; says which and why (the caller's fault).
        ModelUnknown: They name a model that may not be named (the caller's fault).
    """
    routed = route(query, ROUTED)
    if not wishes.mode and routed.strategy in WITHOUT_TOOLS and not routed.estimate.needs and has_files():
        routed = route(query, ROUTED, has_files=True)
    if wishes.mode:
        name, reasons, lesson = STRATEGY_OF_MODE[wishes.mode], [wishes.why], None
    else:
        lesson = _lesson(routed, tenant_id)
        if lesson is None and routed.is_unsure:
            parameters = {"candidates": list(routed.candidates)}
            return Choice(AUTO, parameters, _told(AUTO, routed, list(routed.reasons), ""))
        name = lesson.strategy if lesson else routed.strategy
        reasons = [*routed.reasons, *([lesson.reason] if lesson else [])]
    parameters = parameters_check(STRATEGIES[name], wishes.parameters)
    for model in parameters.get("models", ()):
        model_override_check(tenant_id=tenant_id, override=model)
    told = _told(name, routed, reasons, wishes.mode)
    return Choice(name, parameters, {**told, "learned_instead_of": lesson.instead_of} if lesson else told)


def _lesson(routed: Route, tenant_id: UUID) -> Lesson | None:
    if not settings.SHANNON_ROUTER_LEARNS:
        return None
    return lesson_of(routed, records_of(tenant_id=tenant_id, cluster=routed.cluster), ROUTED - NEEDS_MORE)


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
        "estimate": routed.estimate.as_json(),
        "cluster": routed.cluster,
    }


def reviewable(choice: Choice, query: str, wishes: Wishes, *, tenant_id: UUID) -> Choice:
    """Return a choice that plans, for a request that wants its plan reviewed.

    Raises:
        UnsupportedOption: The request wants a mode without a plan (the caller's fault).
    """
    if choice.strategy in REVIEWABLE:
        return choice
    if wishes.mode:
        usable = ", ".join(sorted(mode for mode, name in STRATEGY_OF_MODE.items() if name in REVIEWABLE))
        message = f"context.require_review: mode '{wishes.mode}' has no plan to review; use {usable}, or none."
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


def degraded(choice: Choice, means: Means | None) -> Choice:
    """Return what the budgets allow: the choice, or what its strategy degrades to, step by step.

    Of strategies among which a model is to choose, those are left that can be paid; a single one is taken at once.

    Args:
        choice: What was chosen.
        means: The least that is left in the budgets that pay; None: no limit.
    """
    if means is not None and choice.strategy == AUTO:
        return _candidates_degraded(choice, means)
    name, parameters, steps = affordable(STRATEGIES, choice.strategy, choice.parameters, means)
    return Choice(name, parameters, {**choice.route, "strategy": name}, steps) if steps else choice


def _candidates_degraded(choice: Choice, means: Means) -> Choice:
    found = [affordable(STRATEGIES, name, {}, means) for name in choice.parameters["candidates"]]
    steps = tuple(step for _, _, passed in found for step in passed)
    names = list(dict.fromkeys(name for name, _, _ in found))
    if not steps:
        return choice
    if len(names) == 1:
        return Choice(names[0], found[0][1], {**choice.route, "strategy": names[0]}, steps)
    return Choice(AUTO, {"candidates": names}, {**choice.route, "candidates": names}, steps)
