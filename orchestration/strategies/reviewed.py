"""A strategy whose plan a person reviews: like the strategy inside, but nothing is begun that was not approved."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

from orchestration.errors import PlanRejected
from orchestration.strategies.base import Fail, Move, Spawn, Strategy, Wait
from orchestration.types import StepKind, StepSpec, StepView, TaskView

REVIEW_KEY: Final = "review"
_ROUND: Final = "@"  # `plan@2` is the planner's step of the second round


class ReviewedStrategy(Strategy):
    """Holds the first steps that follow from a plan until a person approved it; feedback makes the planner plan again.

    Each round has its own planner's steps and one step of kind `review`, which waits for the person. The strategy
    inside sees the planner's steps of the latest round alone, under the keys that it knows.
    """

    name: ClassVar[str] = "reviewed"
    reads_output_of: ClassVar[frozenset[StepKind]] = frozenset({StepKind.PLAN, StepKind.REVIEW})

    def __init__(self, inner: Strategy) -> None:
        """Wrap a strategy that plans."""
        self._inner = inner
        self._plans = Plans(inner.plan_keys)
        self.reads_output_of = inner.reads_output_of | ReviewedStrategy.reads_output_of  # type: ignore[misc]

    def next(self, view: TaskView) -> Move:
        """Return what the strategy inside says, where it is not about a plan that nobody has approved."""
        reviews = [step for step in view.steps.values() if step.kind is StepKind.REVIEW]
        rounds = len(reviews)
        if reviews and (latest := reviews[-1]).output is None:
            return Fail(error=latest.error) if latest.error is not None else Wait()
        verdict = reviews[-1].output if reviews else None
        if verdict is not None and not verdict["approved"]:
            if not verdict["feedback"]:
                return Fail(error=PlanRejected(details=dict(verdict)).as_json())
            return self._round(view, rounds + 1, reviews)
        plans = self._plans
        move = self._inner.next(plans.as_of_round(view, max(rounds, 1)))
        if verdict is None and plans.is_work(move) and (plan := plans.of_round(view, 1)) is not None:
            return _review(plan, move, 1)
        return move if rounds <= 1 else plans.in_round(move, rounds)

    def _round(self, view: TaskView, number: int, reviews: list[StepView]) -> Move:
        """Plan again, or have the new plan reviewed."""
        plans = self._plans
        move = self._inner.next(plans.as_of_round(view, number))
        if isinstance(move, Spawn) and not plans.is_work(move):
            return plans.in_round(plans.with_feedback(move, view, reviews), number)
        if (plan := plans.of_round(view, number)) is not None and plans.is_work(move):
            return _review(plan, move, number)
        return move


@dataclass(frozen=True, slots=True)
class Plans:
    """The planner's steps of a strategy, in rounds: `<key>` in the first, `<key>@2` in the second."""

    keys: frozenset[str]

    def is_plan(self, key: str) -> bool:
        """Whether a step of this key plans, in any round."""
        return key.partition(_ROUND)[0] in self.keys

    def is_work(self, move: Move) -> bool:
        """Whether the move begins what was planned."""
        return isinstance(move, Spawn) and any(not self.is_plan(step.key) for step in move.steps)

    def as_of_round(self, view: TaskView, number: int) -> TaskView:
        """Return the view as the strategy inside knows it: this round's plan under its own key, and no reviews."""
        steps: dict[str, StepView] = {}
        for key, step in view.steps.items():
            if step.kind is StepKind.REVIEW or (self.is_plan(key) and _round_of(key) != number):
                continue
            own_key = key.partition(_ROUND)[0] if self.is_plan(key) else key
            steps[own_key] = replace(step, key=own_key)
        return replace(view, steps=steps)

    def in_round(self, move: Move, number: int) -> Move:
        """Return the move with planner's steps under keys of their round."""
        if not isinstance(move, Spawn):
            return move
        return replace(move, steps=tuple(self._keyed(step, number) for step in move.steps))

    def _keyed(self, step: StepSpec, number: int) -> StepSpec:
        return replace(step, key=f"{step.key}{_ROUND}{number}") if self.is_plan(step.key) else step

    def with_feedback(self, move: Spawn, view: TaskView, reviews: list[StepView]) -> Spawn:
        """Tell the planner each plan that was reviewed and what the person said about it."""
        rounds = [
            {"plan": self.of_round(view, number), "feedback": (review.output or {}).get("feedback", "")}
            for number, review in enumerate(reviews, start=1)
        ]
        told = tuple(replace(step, input={**step.input, "rounds": rounds}) for step in move.steps)
        return replace(move, steps=told, message="Planning again, with the reviewer's feedback")

    def of_round(self, view: TaskView, number: int) -> Mapping[str, Any] | None:
        """Return the last plan of a round: a planner's draft, or the form that a model filled."""
        plans = [
            step.output["plan"] if "plan" in step.output else step.output["value"]
            for key, step in view.steps.items()
            if self.is_plan(key) and _round_of(key) == number and step.output is not None
        ]
        return plans[-1] if plans else None


def _round_of(key: str) -> int:
    return int(key.rpartition(_ROUND)[2]) if _ROUND in key else 1


def _review(plan: Mapping[str, Any], move: Move, number: int) -> Spawn:
    steps = move.steps if isinstance(move, Spawn) else ()
    shown = [{"key": step.key, "title": step.title, "depends_on": list(step.depends_on)} for step in steps]
    review = StepSpec(
        key=f"{REVIEW_KEY}-{number}",
        kind=StepKind.REVIEW,
        title=f"Review of the plan, round {number}",
        input={"round": number, "plan": dict(plan), "steps": shown},
    )
    return Spawn(steps=(review,), message="The plan waits for its review")
