"""Calls that a person has to agree to."""

from dataclasses import replace
from uuid import uuid4

import pytest

from agents.errors import JournalMismatch, StepWaits
from agents.models import JournalEntry
from agents.tools.base import ToolOutput
from agents.tools.builtin.calculator import CalculatorTool
from agents.types import ApprovalAnswer, AskedBy
from policy.types import Principal
from shannon_project.foundation.errors import Unavailable
from tests.integration.agents.steps import engine_of, next_attempt, step_of
from tests.integration.agents.tool_calls.calls import call, code_of, output_of


def test_a_tool_may_want_a_person_for_every_call(principal: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CalculatorTool, "requires_approval", True)
    ctx = step_of(principal)
    with pytest.raises(StepWaits):
        call(ctx, "calculator", expression="1 + 1")
    with pytest.raises(StepWaits):
        call(next_attempt(ctx), "calculator", expression="1 + 1")
    asked = engine_of(ctx).asked[0]
    assert (asked.requested_by, asked.modifiable) == (AskedBy.TOOL, ("arguments",))
    assert engine_of(ctx).kinds() == ["APPROVAL_REQUESTED"]
    engine_of(ctx).answers[0] = ApprovalAnswer(uuid4(), approved=True, decided_by="user:boss", feedback="go on")
    result = call(next_attempt(ctx), "calculator", expression="1 + 1")
    assert (output_of(result)["result"], result.note) == (2, "The person who agreed said: go on")
    assert call(next_attempt(ctx), "calculator", expression="1 + 1") == result
    assert list(JournalEntry.objects.order_by("position").values_list("kind", flat=True)) == ["approval", "tool"]


def test_a_call_that_may_not_be_made_is_asked_of_nobody(principal: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CalculatorTool, "requires_approval", True)
    ctx = step_of(principal)
    assert code_of(call(ctx, "calculator", expresion="1"))[0] == "TOOL_INPUT_INVALID"
    monkeypatch.setattr(CalculatorTool, "dangerous", True)
    weak = replace(ctx, step_id=uuid4(), principal=replace(principal, scopes=frozenset({"tasks:write"})))
    assert code_of(call(weak, "calculator", expression="1"))[0] == "POLICY_DENIED"
    assert engine_of(ctx).asked == {}


def test_another_question_at_the_same_place_is_a_mismatch(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CalculatorTool, "requires_approval", True)
    ctx = step_of(principal)
    with pytest.raises(StepWaits):
        call(ctx, "calculator", expression="1 + 1")
    with pytest.raises(JournalMismatch):
        call(next_attempt(ctx), "calculator", expression="1 + 2")


def test_a_call_that_began_before_a_person_was_wanted_goes_on(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = step_of(principal)

    def crash(*_: object) -> ToolOutput:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(CalculatorTool, "execute", crash)
        with pytest.raises(Unavailable):
            call(ctx, "calculator", expression="1 + 1")
    monkeypatch.setattr(CalculatorTool, "requires_approval", True)
    assert output_of(call(next_attempt(ctx), "calculator", expression="1 + 1"))["result"] == 2
