"""Asking a person: the step waits, and the answer is the tool's."""

import json
from typing import Any
from uuid import uuid4

import pytest

from agents.context import StepContext
from agents.errors import StepWaits
from agents.journal import Journal
from agents.models import JournalEntry
from agents.tools.calling import AskedCall, tool_calls
from agents.types import ApprovalAnswer, AskedBy, ToolResult
from policy.models import AuditEntry
from policy.types import Principal
from tests.integration.agents.steps import engine_of, next_attempt, step_of

QUESTION = {"question": "Which market?", "options": ["Brazil", "Japan"], "timeout_seconds": 60}


def asks(ctx: StepContext, *others: AskedCall, **arguments: Any) -> list[ToolResult]:
    asked = AskedCall("ask_human", json.dumps(arguments or QUESTION))
    return tool_calls(ctx, Journal(ctx), [asked, *others])


def answered(ctx: StepContext, **answer: Any) -> ApprovalAnswer:
    values: dict[str, Any] = {"approved": True, "decided_by": "user:boss"}
    given = ApprovalAnswer(uuid4(), **(values | answer))
    engine_of(ctx).answers[0] = given
    return given


def test_the_step_waits_and_the_persons_words_are_the_answer(principal: Principal) -> None:
    ctx = step_of(principal)
    with pytest.raises(StepWaits):
        asks(ctx)
    put = engine_of(ctx).asked[0]
    assert (put.action, put.requested_by, put.timeout_seconds) == ("ask.human", AskedBy.TOOL, 60)
    assert (put.message, put.subject["options"], put.approve_by_default) == (
        "Which market?",
        ["Brazil", "Japan"],
        False,
    )
    answered(ctx, feedback="Japan")
    (result,) = asks(next_attempt(ctx))
    assert (result.output, result.note) == ({"answer": "Japan", "from": "person"}, "")
    assert asks(next_attempt(ctx)) == [result]
    assert list(JournalEntry.objects.order_by("position").values_list("kind", flat=True)) == ["approval", "tool"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [({"approved": True}, "yes"), ({"approved": False}, "no"), ({"approved": False, "feedback": "neither"}, "neither")],
)
def test_a_bare_decision_and_a_denial_are_answers_too(principal: Principal, answer: dict[str, Any], said: str) -> None:
    ctx = step_of(principal)
    with pytest.raises(StepWaits):
        asks(ctx)
    answered(ctx, **answer)
    assert asks(next_attempt(ctx))[0].output == {"answer": said, "from": "person"}


def test_when_nobody_answers_the_default_holds_or_the_model_is_told(principal: Principal) -> None:
    ctx = step_of(principal)
    with pytest.raises(StepWaits):
        asks(ctx, **QUESTION, default_answer="Brazil")
    assert engine_of(ctx).asked[0].approve_by_default
    answered(ctx, expired=True)
    assert asks(next_attempt(ctx), **QUESTION, default_answer="Brazil")[0].output == {
        "answer": "Brazil",
        "from": "default",
    }
    other = step_of(principal)
    with pytest.raises(StepWaits):
        asks(other)
    answered(other, approved=False, expired=True)
    error = asks(next_attempt(other))[0].error
    assert error is not None
    assert (error.code, error.final) == ("NO_ANSWER", True)


def test_other_calls_of_the_turn_are_made_while_the_person_thinks(principal: Principal) -> None:
    ctx = step_of(principal)
    other = AskedCall("calculator", '{"expression": "6 * 7"}')
    with pytest.raises(StepWaits):
        asks(ctx, other)
    assert list(JournalEntry.objects.filter(kind="tool").values_list("key", "status")) == [("calculator", "finished")]
    answered(ctx, feedback="Japan")
    assert [result.output for result in asks(next_attempt(ctx), other)] == [
        {"answer": "Japan", "from": "person"},
        {"result": 42, "text": "42"},
    ]


def test_who_may_not_call_tools_asks_nobody(principal: Principal) -> None:
    ctx = step_of(Principal(principal.tenant_id, "key:reader", "bob", frozenset({"tasks:read"})))
    (result,) = asks(ctx)
    assert result.error is not None
    assert result.error.code == "POLICY_DENIED"
    assert engine_of(ctx).asked == {}
    assert AuditEntry.objects.filter(action="tool.call").count() == 1


@pytest.mark.parametrize(
    "wrong", [{}, {"question": ""}, {"question": "x", "options": ["one"]}, {"question": "x", "timeout_seconds": 0}]
)
def test_a_question_that_is_none_is_told_to_the_model(principal: Principal, wrong: dict[str, Any]) -> None:
    ctx = step_of(principal)
    (result,) = tool_calls(ctx, Journal(ctx), [AskedCall("ask_human", json.dumps(wrong))])
    assert result.error is not None
    assert (result.error.code, engine_of(ctx).asked) == ("TOOL_INPUT_INVALID", {})
