"""A model call in a step: authorised, reserved, recorded, settled; refused ones leave their traces."""

from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from agents.errors import TaskCancelled
from agents.journal import Journal
from agents.llm.calls import model_call
from agents.llm.fake import FakeGateway
from agents.llm.types import ModelRequest
from agents.models import JournalEntry
from agents.planning import PlanRequest, plan_draft
from agents.synthesis import SynthesisRequest, answer_synthesize
from agents.types import SubtaskResult
from policy.errors import BudgetExceeded, PolicyDenied
from policy.models import AuditEntry, Budget
from policy.services import budget_limit, policy_save
from policy.types import Principal
from shannon_project.config.catalogue import ModelUnknown
from tests.integration.agents.llm.model_calls.playing import REPLY, REQUEST, gateway, spent, will_say
from tests.integration.agents.steps import engine_of, next_attempt, step_of

__all__ = ["gateway"]
pytestmark = pytest.mark.django_db


def test_call_is_paid_recorded_and_told(principal: Principal, gateway: FakeGateway) -> None:
    ctx = step_of(principal)
    will_say(gateway, REPLY)

    assert model_call(ctx, Journal(ctx), REQUEST) == REPLY

    assert (spent(ctx).spent_tokens, spent(ctx).reserved_tokens, spent(ctx).spent_usd) == (30, 0, Decimal("0.00003"))
    prompt, output = engine_of(ctx).events
    assert (prompt.kind, output.kind) == ("LLM_PROMPT", "LLM_OUTPUT")
    assert output.payload["text"] == "42"
    assert output.payload["tool_calls"] == ["python"]
    assert output.payload["cost_usd"] == "0.00003"
    assert engine_of(ctx).deltas == ["42"]


def test_second_attempt_reads_and_pays_nothing(principal: Principal, gateway: FakeGateway) -> None:
    ctx = step_of(principal)
    will_say(gateway, REPLY)
    model_call(ctx, Journal(ctx), REQUEST)

    again = next_attempt(ctx)

    assert model_call(again, Journal(again), REQUEST) == REPLY
    assert len(gateway.requests) == 1
    assert spent(ctx).spent_tokens == 30


def test_budget_that_does_not_cover_the_call_refuses_it_and_says_so(principal: Principal, gateway: FakeGateway) -> None:
    ctx = step_of(principal)
    ref = ctx.budgets[0]
    budget = Budget.objects.get(scope=ref.scope, scope_id=ref.scope_id)
    budget_limit(budget=budget, limit_tokens=50, limit_usd=None)

    with pytest.raises(BudgetExceeded):
        model_call(ctx, Journal(ctx), REQUEST)

    assert gateway.requests == []
    assert spent(ctx).reserved_tokens == 0
    entry = AuditEntry.objects.get(rule="BUDGET_EXCEEDED")
    assert entry.resource["model"] == "offline/medium"


def test_policy_that_denies_the_model_is_obeyed(principal: Principal, gateway: FakeGateway) -> None:
    source = (Path(django_settings.BASE_DIR) / "policy" / "rego" / "model_call.rego").read_text()
    policy_save(name="model_call", rego=source.replace('{"*"}', '{"openai/*"}'))
    ctx = step_of(principal)

    with pytest.raises(PolicyDenied, match="offline/medium"):
        model_call(ctx, Journal(ctx), REQUEST)

    assert gateway.requests == []


def test_a_policy_that_denies_only_the_cheaper_tier_denies_nothing_else(
    principal: Principal, gateway: FakeGateway
) -> None:
    source = (Path(django_settings.BASE_DIR) / "policy" / "rego" / "model_call.rego").read_text()
    policy_save(name="model_call", rego=source.replace('{"*"}', '{"offline/medium"}'))
    ctx = step_of(principal)
    will_say(gateway, REPLY)

    assert model_call(ctx, Journal(ctx), REQUEST) == REPLY

    kept = JournalEntry.objects.get(step_id=ctx.step_id).decisions or []
    assert [(decision["about"], decision["verdict"]) for decision in kept] == [
        ("offline/medium", "allow"),
        ("offline/small", "deny"),
    ]
    assert kept[0]["action"] == "model.call"
    assert kept[0]["policy_versions"]["model_call"] > 0


def test_unknown_model_is_refused_before_anything_is_paid(principal: Principal, gateway: FakeGateway) -> None:
    ctx = step_of(principal)
    request = ModelRequest(messages=REQUEST.messages, model_override="ghost")

    with pytest.raises(ModelUnknown):
        model_call(ctx, Journal(ctx), request)

    assert engine_of(ctx).events == []


def test_obligation_of_the_policy_limits_the_answer(principal: Principal, gateway: FakeGateway) -> None:
    source = (Path(django_settings.BASE_DIR) / "policy" / "rego" / "model_call.rego").read_text()
    policy_save(name="model_call", rego=source.replace('"max_output_tokens": 16384', '"max_output_tokens": 64'))
    ctx = step_of(principal)

    model_call(ctx, Journal(ctx), REQUEST)

    assert gateway.requests[0].max_output_tokens == 64


def test_unknown_price_is_settled_in_tokens_alone(
    principal: Principal, gateway: FakeGateway, settings: Settings
) -> None:
    settings.SHANNON_MODEL = "nobody/knows"
    ctx = step_of(principal)

    reply = model_call(ctx, Journal(ctx), REQUEST)

    assert (reply.model, reply.cost_usd) == ("nobody/knows", None)
    assert spent(ctx).spent_usd == 0
    assert spent(ctx).spent_tokens == reply.prompt_tokens + reply.completion_tokens


def test_plan_is_drafted_by_the_offline_model_and_not_streamed(principal: Principal) -> None:
    ctx = step_of(principal)

    draft = plan_draft(ctx, Journal(ctx), PlanRequest(query="Compare Rome and Paris", tools=[("python", "Runs code")]))

    assert draft.plan is not None
    assert len(draft.plan["subtasks"]) == 2
    assert draft.usage.model_calls == 1
    assert draft.usage.cost_usd is not None
    assert engine_of(ctx).deltas == []


def test_answer_is_synthesised_by_the_offline_model_and_streamed(principal: Principal) -> None:
    ctx = step_of(principal)
    results = [SubtaskResult("s1", "One", "succeeded", "It is 4."), SubtaskResult("s2", "Two", "failed", "", "Lost.")]

    answer = answer_synthesize(ctx, Journal(ctx), SynthesisRequest(query="Both?", instruction="", results=results))

    assert "It is 4." in answer.text
    assert "Two: Lost." in answer.text
    assert "".join(engine_of(ctx).deltas) == answer.text
    assert answer.model.startswith("offline/")


def test_step_that_was_cancelled_stops_streaming(principal: Principal, gateway: FakeGateway) -> None:
    ctx = step_of(principal)
    engine_of(ctx).cancel_at_checkpoint = 3  # before the policy is asked, before the attempt, before the first text
    will_say(gateway, REPLY)

    with pytest.raises(TaskCancelled):
        model_call(ctx, Journal(ctx), REQUEST)

    assert engine_of(ctx).deltas == []


def test_wherever_a_step_is_cancelled_what_was_asked_is_charged(principal: Principal) -> None:
    asked = [{"role": "user", "content": "Who are you?"}]
    question = ModelRequest(messages=asked, tier="small", temperature=1.0)  # no cache answers it
    at, ended = 0, False
    while not ended:  # from the first checkpoint to one beyond the last, which comes after the whole answer was read
        at += 1
        ctx = step_of(principal)
        before = spent(ctx).spent_tokens
        engine_of(ctx).cancel_at_checkpoint = at
        try:
            model_call(ctx, Journal(ctx), question)
        except TaskCancelled:
            pass
        else:
            ended = True
        was_asked = at > 2  # those before are of the policy and of the attempt
        assert (spent(ctx).spent_tokens > before) is was_asked, f"cancelled at checkpoint {at}"
    assert at > 4
