"""Research: plan by dimension, search and read in parallel, fill gaps, report with citations, verify each claim.

Searching and reading are tool steps, so what a citation points to was fetched in this run, and every page is there to
be looked at. A model's finding counts only if its quote is in the page word for word.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from orchestration.strategies.base import Fail, Move, Spawn, Strategy, StrategyParameters, Tier, Wait
from orchestration.strategies.making import StepMaker
from orchestration.strategies.reading import is_done
from orchestration.strategies.research.conclusion import Conclusion
from orchestration.strategies.research.depths import DEPTHS, Depth, ResearchParameters
from orchestration.strategies.research.rounds import Rounds
from orchestration.strategies.research.state import PLAN_KEY
from orchestration.types import StepKind, StepSpec, TaskView


class ResearchStrategy(Strategy):
    """research-plan, search-…, fetch-…, findings-…, coverage-1, …, report, verify."""

    name: ClassVar[str] = "research"
    summary: ClassVar[str] = "Searches and reads side by side, fills gaps, reports with citations, verifies claims."
    use_when: ClassVar[str] = "A question whose answer must rest on sources that can be looked up."
    reads_output_of: ClassVar[frozenset[StepKind]] = frozenset({StepKind.DECIDE, StepKind.TOOL})
    parameters: ClassVar[type[StrategyParameters]] = ResearchParameters
    parts: ClassVar[Mapping[str, Tier | None]] = {
        "plan": "small",
        "read": "small",
        "coverage": "small",
        "report": "large",
        "verify": "small",
    }
    needs_tokens: ClassVar[int] = DEPTHS["quick"].needs_tokens
    degrades_to: ClassVar[str] = "dag"
    plan_keys: ClassVar[frozenset[str]] = frozenset({PLAN_KEY})

    def tokens_needed(self, parameters: Mapping[str, Any]) -> int:
        """What its depth needs."""
        return DEPTHS[_depth_of(parameters)].needs_tokens

    def cheaper(self, parameters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The next depth below with the same parameters; below the last one the strategy that it degrades to."""
        depths = list(DEPTHS)
        place = depths.index(_depth_of(parameters))
        if place == 0:
            return super().cheaper(parameters)
        return self.name, {**parameters, "depth": depths[place - 1]}

    def next(self, view: TaskView) -> Move:
        """Replay the rounds so far, then make the next steps."""
        given = ResearchParameters.of(view)
        make = StepMaker(type(self), given, given.wanted.tiers)
        plan = view.steps.get(PLAN_KEY)
        if plan is None:
            return Spawn(steps=(_plan(make, given.wanted),))
        if not is_done(plan):
            return Fail(error=plan.error) if plan.error is not None else Wait()
        rounds = Rounds(view, given, make)
        for number in range(1, given.wanted.rounds + 1):
            move = rounds.round(number)
            if move is not None:
                return move
            if rounds.is_over:
                break
        return Conclusion(view, given, make, rounds.state).next()


def _depth_of(parameters: Mapping[str, Any]) -> str:
    return str(parameters.get("depth", ResearchParameters.model_fields["depth"].default))


def _plan(make: StepMaker, depth: Depth) -> StepSpec:
    instruction = f"At most {depth.dimensions} dimensions with at most {depth.queries} queries each."
    return make.decide(PLAN_KEY, "plan", "Plan the research", "research_plan", instruction, with_history=True)
