"""Reasoning and acting: what is left when the turns are used up is an answer, not a wish for one more tool."""

from typing import Any

import pytest

from orchestration.strategies import STRATEGIES, Fail, Finish, Spawn
from orchestration.types import OnDependencyFailure, StepKind, StepStatus, StepView
from tests.unit.orchestration.strategies.views import PARAMETERS, error_of, step, view_of

REACT = STRATEGIES["react"]


def thought(number: int, action: str = "tool", answer: str = "") -> StepView:
    value = {"thought": "I must add", "action": action, "tool": "calculator", "arguments": "{}", "answer": answer}
    output = {"value": value, "text": answer or "I must add\nAction: calculator {}"}
    return step(f"think-{number}", StepKind.DECIDE, StepStatus.SUCCEEDED, output=output)


def acted(number: int) -> StepView:
    return step(f"act-{number}", StepKind.TOOL, StepStatus.SUCCEEDED, output={"result": {"ok": True, "output": 4}})


def moved(*steps: StepView, limit: int = 2) -> Any:
    return REACT.next(view_of(*steps, parameters={**PARAMETERS, "strategy": {"max_iterations": limit}}))


@pytest.mark.parametrize("last", [thought(2), thought(2, action="answer")], ids=["one more tool", "an empty answer"])
def test_a_last_thought_without_an_answer_is_followed_by_one_made_of_what_was_seen(last: StepView) -> None:
    seen = (thought(1), acted(1), last)
    move = moved(*seen)
    assert isinstance(move, Spawn)
    (spec,) = move.steps
    assert (spec.kind, spec.depends_on) == (StepKind.SYNTHESIZE, ("think-1", "act-1", "think-2"))
    assert spec.on_dependency_failure is OnDependencyFailure.RUN
    done = step(spec.key, StepKind.SYNTHESIZE, StepStatus.SUCCEEDED, output={"text": "It is 4."})
    answer = Finish("It is 4.", {"iterations": 2, "stopped": "limit"}, from_step=spec.key)
    assert moved(*seen, done) == answer
    failed = step(spec.key, StepKind.SYNTHESIZE, StepStatus.FAILED, error=error_of("no model"))
    assert moved(*seen, failed) == Fail(error=error_of("no model"))


def test_a_last_thought_with_an_answer_is_the_answer_although_it_wants_a_tool() -> None:
    move = moved(thought(1), acted(1), thought(2, answer="It is 4."))
    assert move == Finish("It is 4.", {"iterations": 2, "stopped": "answered"}, from_step="think-2")
