"""Draft, critique, revise, until the score is good enough or the rounds are used up."""

import re
from collections.abc import Mapping
from typing import ClassVar, Final

from pydantic import Field

from orchestration.strategies.base import Fail, Move, Spawn, Strategy, StrategyParameters, Tier, Told, Wait
from orchestration.strategies.making import StepMaker, numbered
from orchestration.strategies.reading import finish_with, has_ended, is_done, text_of, value_of
from orchestration.types import EventKind, StepKind, StepSpec, StepView, TaskView

_CITATION: Final = re.compile(r"\[\d{1,3}\]")


class ReflectionParameters(StrategyParameters):
    """Of reflection."""

    threshold: float = Field(0.8, ge=0.0, le=1.0, description="Score from which on a draft is good enough.")
    max_rounds: int = Field(2, ge=1, le=5, description="Revisions at most; each is followed by a critique.")


class ReflectionStrategy(Strategy):
    """draft-0, critique-0, draft-1, critique-1, …; the best draft that kept all citations is the answer."""

    name: ClassVar[str] = "reflection"
    summary: ClassVar[str] = "An agent drafts, a critic scores, the draft is revised until it is good enough."
    use_when: ClassVar[str] = "A text or program whose quality matters more than its price, and can be judged."
    reads_output_of: ClassVar[frozenset[StepKind]] = frozenset({StepKind.AGENT, StepKind.DECIDE})
    parameters: ClassVar[type[StrategyParameters]] = ReflectionParameters
    parts: ClassVar[Mapping[str, Tier | None]] = {"draft": "medium", "critique": "small", "revise": "medium"}
    needs_tokens: ClassVar[int] = 8_000
    degrades_to: ClassVar[str] = "simple"

    def next(self, view: TaskView) -> Move:
        """Go on from the last draft."""
        given = ReflectionParameters.of(view)
        make = StepMaker(type(self), given)
        last = 0
        while f"draft-{last + 1}" in view.steps:
            last += 1
        draft = view.steps.get(f"draft-{last}")
        if draft is None:
            return Spawn(steps=(make.agent("draft-0", "draft", "Draft the answer", view.query),))
        if not has_ended(draft):
            return Wait()
        if not is_done(draft):
            return Fail(error=draft.error or {}) if last == 0 else _best(view, last - 1, "revision failed")
        critique = view.steps.get(f"critique-{last}")
        if critique is None:
            spec = make.decide(
                f"critique-{last}", "critique", f"Judge draft {last}", "critique", depends_on=[draft.key]
            )
            return Spawn(steps=(spec,))
        if not has_ended(critique):
            return Wait()
        return self._judged(view, make, given, last, critique)

    def _judged(
        self, view: TaskView, make: StepMaker, given: ReflectionParameters, last: int, critique: StepView
    ) -> Move:
        if not is_done(critique):
            return _best(view, last, "critique failed")
        value = value_of(view, critique.key)
        if value["score"] >= given.threshold:
            return _best(view, last, "good enough")
        if last >= given.max_rounds:
            return _best(view, last, "rounds used up")
        message = f"Draft {last} scored {value['score']:.2f}, below {given.threshold:.2f}: it is revised"
        told = Told(EventKind.PROGRESS, message, {"round": last, **value})
        return Spawn(steps=(_revision(view, make, last + 1, value["issues"]),), told=(told,))


def _revision(view: TaskView, make: StepMaker, number: int, issues: list[str]) -> StepSpec:
    instruction = (
        f"{view.query}\n\nThere is a draft of the answer among the results that you depend on. Write the whole answer "
        "again and better. Keep what is right, and keep every citation mark such as [1] with what it stands for. "
        f"A critic wants this changed:\n{numbered(issues) or 'Nothing in particular; make it clearer.'}"
    )
    previous = f"draft-{number - 1}"
    return make.agent(f"draft-{number}", "revise", f"Revise the answer ({number})", instruction, depends_on=[previous])


def _best(view: TaskView, last: int, why: str) -> Move:
    """Return the draft with the highest score among those that lost no citation; the earlier one of equals."""
    scores = {n: float(value_of(view, f"critique-{n}").get("score", 0.0)) for n in range(last + 1)}
    kept = [n for n in scores if _citations(view, 0) <= _citations(view, n)]
    best = max(kept, key=lambda n: (scores[n], -n))
    if best < last and scores[best] == scores[last] and last in kept and why != "critique failed":
        best = last  # a revision that is no worse has been asked for
    shown = [scores[n] for n in sorted(scores)]
    return finish_with(view, f"draft-{best}", scores=shown, rounds=last, chosen_draft=best, stopped=why)


def _citations(view: TaskView, number: int) -> set[str]:
    return set(_CITATION.findall(text_of(view, f"draft-{number}")))
