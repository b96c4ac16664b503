"""Reasoning and acting in turns, each a step of its own: what was thought and observed can be watched and forked."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

from pydantic import Field

from orchestration.strategies.base import Fail, Finish, Move, Spawn, Strategy, StrategyParameters, Tier, Told, Wait
from orchestration.strategies.making import StepMaker
from orchestration.strategies.reading import finish_with, has_ended, is_done, move_of, value_of
from orchestration.types import EventKind, OnDependencyFailure, StepKind, StepSpec, TaskView

CONCLUSION_KEY: Final = "conclude"


class ReactParameters(StrategyParameters):
    """Of reasoning and acting."""

    max_iterations: int = Field(10, ge=1, le=50, description="Turns of thinking; the last one must answer.")
    window: int = Field(6, ge=1, le=20, description="Latest turns that the model sees; earlier ones are left out.")


class ReactStrategy(Strategy):
    """think-1, act-1, think-2, act-2, … until a thought is the answer."""

    name: ClassVar[str] = "react"
    summary: ClassVar[str] = "A model thinks, calls one tool, looks at what came back, and thinks again."
    use_when: ClassVar[str] = "The way to the answer shows only as results come in, and each turn should be watched."
    reads_output_of: ClassVar[frozenset[StepKind]] = frozenset({StepKind.DECIDE, StepKind.SYNTHESIZE})
    parameters: ClassVar[type[StrategyParameters]] = ReactParameters
    parts: ClassVar[Mapping[str, Tier | None]] = {"think": "medium"}
    needs_tokens: ClassVar[int] = 4_000
    degrades_to: ClassVar[str] = "simple"

    def next(self, view: TaskView) -> Move:
        """Go on from the last turn."""
        given = ReactParameters.of(view)
        turn = 1
        while f"think-{turn + 1}" in view.steps:
            turn += 1
        think = view.steps.get(f"think-{turn}")
        if think is None:
            return self._think(given, turn)
        if think.error is not None:
            return Fail(error=think.error)
        return self._thought(view, given, turn) if is_done(think) else Wait()

    def _thought(self, view: TaskView, given: ReactParameters, turn: int) -> Move:
        """Return what follows from the last thought: the answer, its call, or the next thought."""
        value = value_of(view, f"think-{turn}")
        is_last = value["action"] == "answer" or turn >= given.max_iterations
        if is_last and value["answer"]:
            return finish_with(view, f"think-{turn}", iterations=turn, stopped="answered")
        if is_last:
            return self._conclude(view, given, turn)
        act = view.steps.get(f"act-{turn}")
        if act is None:
            told = Told(EventKind.AGENT_THINKING, value["thought"], {"iteration": turn}, "react")
            return Spawn(steps=(_act(view, turn, value),), told=(told,))
        return self._think(given, turn + 1) if has_ended(act) else Wait()

    def _conclude(self, view: TaskView, given: ReactParameters, turn: int) -> Move:
        """Have an answer made of what was seen: the last thought wanted one more tool, or gave none."""
        made = move_of(view, CONCLUSION_KEY)
        if isinstance(made, Finish):
            return replace(made, metadata={"iterations": turn, "stopped": "limit"})
        if made is not None:
            return made
        first = max(1, turn - given.window + 1)
        seen = [f"{part}-{number}" for number in range(first, turn) for part in ("think", "act")]
        instruction = "No turns are left for tools. Answer with what was found, and say what is missing."
        keys = [*seen, f"think-{turn}"]
        make = StepMaker(type(self), given)
        return Spawn(steps=(make.synthesize(CONCLUSION_KEY, "think", "Answer", instruction, depends_on=keys),))

    def _think(self, given: ReactParameters, turn: int) -> Spawn:
        first = max(1, turn - given.window)
        seen = [f"{part}-{number}" for number in range(first, turn) for part in ("think", "act")]
        left = given.max_iterations - turn
        more = (
            f"{left} turns are left after this one." if left else "No turns are left: answer now, with what you have."
        )
        make = StepMaker(type(self), given)
        spec = make.decide(
            f"think-{turn}",
            "think",
            f"Think ({turn})",
            "react",
            more,
            depends_on=seen,
            shows=["tools", "files"] if left else ["files"],
            with_history=True,
            agent_id="react",
        )
        return Spawn(steps=(spec,))


def _act(view: TaskView, turn: int, value: Mapping[str, Any]) -> StepSpec:
    return StepSpec(
        key=f"act-{turn}",
        kind=StepKind.TOOL,
        title=f"{value['tool'][:80]} {' '.join(value['arguments'].split())[:120]}",
        input={"tool": value["tool"], "arguments": _arguments(value["arguments"]), "offered": view.parameters["tools"]},
        depends_on=(f"think-{turn}",),
        on_dependency_failure=OnDependencyFailure.RUN,
    )


def _arguments(text: str) -> dict[str, Any]:
    """Return the arguments; what is no object reaches the tool's own check, which tells the model."""
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {"text": text}
    return value if isinstance(value, dict) else {"text": text}
