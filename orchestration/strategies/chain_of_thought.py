"""Thinking in steps: one chain, or several whose answers are counted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from orchestration.strategies.base import Move, Spawn, Strategy, StrategyParameters, Tier, Told, Wait
from orchestration.strategies.making import StepMaker
from orchestration.strategies.reading import all_ended, done_of, fail_of, finish_with, is_done, text_of, value_of
from orchestration.types import EventKind, StepKind, StepSpec, TaskView

JUDGE_KEY = "judge"


class ChainParameters(StrategyParameters):
    """Of a chain of thought."""

    max_thoughts: int = Field(5, ge=1, le=12, description="Steps of one chain; of more the first are told.")
    samples: int = Field(1, ge=1, le=7, description="Chains made at the same time; the answer of most of them wins.")


class ChainOfThoughtStrategy(Strategy):
    """`samples` chains; the majority's answer, or a judge's where there is none."""

    name: ClassVar[str] = "chain_of_thought"
    summary: ClassVar[str] = "A model thinks in steps before it answers; several chains can be made and counted."
    use_when: ClassVar[str] = "A puzzle, a proof or a judgement that needs careful thinking and no tools."
    reads_output_of: ClassVar[frozenset[StepKind]] = frozenset({StepKind.DECIDE})
    parameters: ClassVar[type[StrategyParameters]] = ChainParameters
    parts: ClassVar[Mapping[str, Tier | None]] = {"think": "medium", "judge": "medium"}
    needs_tokens: ClassVar[int] = 4_000
    degrades_to: ClassVar[str] = "simple"

    def next(self, view: TaskView) -> Move:
        """Make the chains, count their answers, ask a judge if no answer has most of them."""
        given = ChainParameters.of(view)
        keys = [f"chain-{number}" for number in range(1, given.samples + 1)]
        make = StepMaker(type(self), given)
        if keys[0] not in view.steps:
            return Spawn(steps=tuple(_chain(make, key, given.max_thoughts) for key in keys))
        if not all_ended(view, keys):
            return Wait()
        done = done_of(view, keys)
        if not done:
            return fail_of(view, keys)
        winner, votes = _majority(view, done)
        if 2 * votes > len(done):
            return finish_with(view, winner, votes=votes, chains=len(done), thoughts=_thoughts(view, winner, given))
        return self._judged(view, make, done)

    def _judged(self, view: TaskView, make: StepMaker, done: Sequence[str]) -> Move:
        judge = view.steps.get(JUDGE_KEY)
        if judge is None:
            told = Told(EventKind.PROGRESS, "The chains disagree; a judge decides", {"chains": len(done)})
            spec = make.decide(JUDGE_KEY, "judge", "Judge the chains", "verdict", depends_on=done)
            return Spawn(steps=(spec,), told=(told,))
        if is_done(judge):
            return finish_with(view, JUDGE_KEY, votes=0, chains=len(done))
        if judge.error is None:
            return Wait()
        best = max(done, key=lambda key: value_of(view, key)["confidence"])
        return finish_with(view, best, votes=0, chains=len(done), judge_failed=judge.error.get("message"))


def _chain(make: StepMaker, key: str, max_thoughts: int) -> StepSpec:
    number = key.removeprefix("chain-")
    instruction = f"Use at most {max_thoughts} thoughts. This is chain {number}; others are made without seeing yours."
    return make.decide(key, "think", f"Think it through ({number})", "chain", instruction, with_history=True)


def _majority(view: TaskView, keys: Sequence[str]) -> tuple[str, int]:
    """Return the first step with the most frequent answer, and how often that was given."""
    answers = {key: " ".join(text_of(view, key).lower().split()).rstrip(".!") for key in keys}
    answer, votes = Counter(answers.values()).most_common(1)[0]
    return next(key for key in keys if answers[key] == answer), votes


def _thoughts(view: TaskView, key: str, given: ChainParameters) -> list[str]:
    return list(value_of(view, key)["thoughts"])[: given.max_thoughts]
