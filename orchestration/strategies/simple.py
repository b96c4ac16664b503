"""One agent answers the request: no planning call, no hidden extra calls."""

from collections.abc import Mapping
from typing import ClassVar

from orchestration.strategies.base import Move, Spawn, Strategy, StrategyParameters, Tier
from orchestration.strategies.making import StepMaker
from orchestration.strategies.reading import move_of
from orchestration.types import StepKind, TaskView


class SimpleStrategy(Strategy):
    """A single agent step; its text is the answer."""

    name: ClassVar[str] = "simple"
    summary: ClassVar[str] = "One agent with tools answers the request."
    use_when: ClassVar[str] = "One agent can answer in a few turns: a question, a calculation, one file, one text."
    reads_output_of: ClassVar[frozenset[StepKind]] = frozenset({StepKind.AGENT, StepKind.DECIDE})
    remembers: ClassVar[bool] = True
    parts: ClassVar[Mapping[str, Tier | None]] = {"work": None}

    def next(self, view: TaskView) -> Move:
        """Spawn the agent, then finish with what it says."""
        make = StepMaker(type(self), StrategyParameters.of(view))
        agent = make.agent("agent", "work", "Answer the request", view.query, is_final=True)
        return move_of(view, agent.key) or Spawn(steps=(agent,))
