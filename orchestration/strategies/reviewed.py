"""A strategy whose plan a person reviews: like the strategy inside, but nothing is begun that was not approved."""

from collections.abc import Mapping
from dataclasses import replace
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
        move = self._inner.next(_as_of_round(view, max(rounds, 1)))
        if verdict is None and _is_work(move) and (plan := _plan_of(view, 1)) is not None:
            return _review(plan, move, 1)
        return move if rounds <= 1 else _in_round(move, rounds)

    def _round(self, view: TaskView, number: int, reviews: list[StepView]) -> Move:
        """Plan again, or have the new plan reviewed."""
        move = self._inner.next(_as_of_round(view, number))
        if isinstance(move, Spawn) and not _is_work(move):
            return _in_round(_with_feedback(move, view, reviews), number)
        if (plan := _plan_of(view, number)) is not None and _is_work(move):
            return _review(plan, move, number)
        return move


def _is_work(move: Move) -> bool:
    """Whether the move begins what was planned."""
    return isinstance(move, Spawn) and any(step.kind is not StepKind.PLAN for step in move.steps)


def _round_of(key: str) -> int:
    return int(key.rpartition(_ROUND)[2]) if _ROUND in key else 1


def _as_of_round(view: TaskView, number: int) -> TaskView:
    """Return the view as the strategy inside knows it: this round's plan under its own key, and no reviews."""
    steps: dict[str, StepView] = {}
    for key, step in view.steps.items():
        if step.kind is StepKind.REVIEW or (step.kind is StepKind.PLAN and _round_of(key) != number):
            continue
        own_key = key.rpartition(_ROUND)[0] if step.kind is StepKind.PLAN and _ROUND in key else key
        steps[own_key] = replace(step, key=own_key)
    return replace(view, steps=steps)


def _in_round(move: Move, number: int) -> Move:
    """Return the move with planner's steps under keys of their round."""
    if not isinstance(move, Spawn):
        return move
    return replace(move, steps=tuple(_keyed(step, number) for step in move.steps))


def _keyed(step: StepSpec, number: int) -> StepSpec:
    return replace(step, key=f"{step.key}{_ROUND}{number}") if step.kind is StepKind.PLAN else step


def _with_feedback(move: Spawn, view: TaskView, reviews: list[StepView]) -> Spawn:
    """Tell the planner each plan that was reviewed and what the person said about it."""
    rounds = [
        {"plan": _plan_of(view, number), "feedback": (review.output or {}).get("feedback", "")}
        for number, review in enumerate(reviews, start=1)
    ]
    told = tuple(replace(step, input={**step.input, "rounds": rounds}) for step in move.steps)
    return replace(move, steps=told, message="Planning again, with the reviewer's feedback")


def _plan_of(view: TaskView, number: int) -> Mapping[str, Any] | None:
    """Return the last plan of a round."""
    plans = [
        step.output["plan"]
        for key, step in view.steps.items()
        if step.kind is StepKind.PLAN and _round_of(key) == number and step.output is not None
    ]
    return plans[-1] if plans else None


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
