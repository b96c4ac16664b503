"""The router was not sure: a small model chooses, as a step like any other, and the choice works on the request."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field

from orchestration.strategies.base import Finish, Move, Spawn, Strategy, StrategyParameters, Tier, Told, Wait
from orchestration.strategies.making import StepMaker
from orchestration.strategies.reading import has_ended, is_done, value_of
from orchestration.types import EventKind, StepKind, TaskView

ROUTE_KEY = "route"


class AutoParameters(StrategyParameters):
    """Of the model's choice."""

    candidates: list[Annotated[str, Field(min_length=1, max_length=32)]] = Field(
        default_factory=lambda: ["simple"],
        min_length=1,
        description="What may be chosen, the router's own preference first.",
    )


class AutoStrategy(Strategy):
    """route, then the steps of what was chosen, under their own keys."""

    name: ClassVar[str] = "auto"
    summary: ClassVar[str] = "A small model chooses the strategy where the router's estimate leaves it open."
    reads_output_of: ClassVar[frozenset[StepKind]] = frozenset(StepKind)
    parameters: ClassVar[type[StrategyParameters]] = AutoParameters
    parts: ClassVar[Mapping[str, Tier | None]] = {"route": "small"}

    def __init__(self, strategies: Mapping[str, Strategy]) -> None:
        """Make it able to choose among `strategies`."""
        self._strategies = strategies

    def next(self, view: TaskView) -> Move:
        """Ask, then hand over to what was chosen; a model that cannot say leaves the router's preference."""
        given = AutoParameters.of(view)
        asked = view.steps.get(ROUTE_KEY)
        if asked is None:
            offered = "\n".join(f"- {name}: {self._strategies[name].use_when}" for name in given.candidates)
            make = StepMaker(type(self), given)
            sections = {"Strategies": offered}
            return Spawn(steps=(make.decide(ROUTE_KEY, "route", "Choose a strategy", "route", sections=sections),))
        if not has_ended(asked):
            return Wait()
        value = value_of(view, ROUTE_KEY) if is_done(asked) else {}
        name = value.get("strategy") if value.get("strategy") in given.candidates else given.candidates[0]
        steps = {key: step for key, step in view.steps.items() if key != ROUTE_KEY}
        inner = TaskView(view.task_id, view.query, {**view.parameters, "strategy": {}}, steps)
        move = self._strategies[str(name)].next(inner)
        if isinstance(move, Finish):
            return replace(move, metadata={**move.metadata, "routed_to": name})
        if isinstance(move, Spawn) and not steps:
            reasons = value.get("reasons", ["the model did not say"])
            payload = {"strategy": name, "confidence": value.get("confidence", 0.0), "reasons": reasons}
            told = Told(EventKind.PROGRESS, f"Worked on by {name}: {'; '.join(reasons)}", payload)
            return replace(move, told=(told, *move.told))
        return move
