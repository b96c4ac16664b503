"""A model call in a step: authorised, reserved, recorded, settled; refused and failed ones leave their traces."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from agents.errors import TaskCancelled
from agents.journal import Journal
from agents.llm.base import _gateway_of, gateway_in_use
from agents.llm.calls import model_call
from agents.llm.errors import ModelAnswerInvalid, ModelRefused, ModelUnavailable, ModelUsage
from agents.llm.estimates import prompt_tokens_estimate
from agents.llm.fake import FakeGateway
from agents.llm.types import ModelReply, ModelRequest, ToolCall
from agents.models import JournalEntry
from agents.planning import PlanRequest, plan_draft
from agents.services import step_usage
from agents.synthesis import SynthesisRequest, answer_synthesize
from agents.types import SubtaskResult, Usage
from policy.errors import BudgetExceeded, PolicyDenied
from policy.models import AuditEntry, Budget, LedgerEntry
from policy.selectors import budget_states
from policy.services import budget_limit, ledger_check, policy_save
from policy.types import BudgetLimits, BudgetState, Principal
from shannon_project.config.catalogue import ModelUnknown
from tests.integration.agents.steps import engine_of, next_attempt, step_of

pytestmark = pytest.mark.django_db
REQUEST = ModelRequest(messages=[{"role": "user", "content": "What is 6 times 7?"}], max_output_tokens=100)
REPLY = ModelReply("42", (ToolCall("c", "python", "{}"),), 20, 10, Decimal("0.00003"), "offline/medium", "offline")


@pytest.fixture
def gateway(settings: Settings) -> Iterator[FakeGateway]:
    """The gateway in use, a fake."""
    settings.SHANNON_MODEL_GATEWAY = "agents.llm.fake.FakeGateway"
    settings.SHANNON_MODEL_RETRY_BASE_SECONDS = 0.001
    _gateway_of.cache_clear()
    fake = gateway_in_use()
    assert isinstance(fake, FakeGateway)
    yield fake
    _gateway_of.cache_clear()


def will_say(gateway: FakeGateway, *items: Any) -> None:
    gateway._script = iter(items)


def spent(ctx: Any) -> BudgetState:
    return budget_states(tenant_id=ctx.principal.tenant_id, refs=ctx.budgets)[0]


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


def test_failure_before_any_answer_gives_the_money_back(principal: Principal, gateway: FakeGateway) -> None:
    ctx = step_of(principal)
    will_say(gateway, ModelRefused("no key"))

    with pytest.raises(ModelRefused):
        model_call(ctx, Journal(ctx), REQUEST)

    assert (spent(ctx).spent_tokens, spent(ctx).reserved_tokens) == (0, 0)


def broken_off(error: ModelAnswerInvalid | ModelUnavailable) -> ModelAnswerInvalid | ModelUnavailable:
    error.used = ModelUsage(15, 4, Decimal("0.00001"))
    return error


def billed(prompt_tokens: int, completion_tokens: int) -> ModelAnswerInvalid:
    error = ModelAnswerInvalid()
    error.used = ModelUsage(prompt_tokens, completion_tokens, None)
    return error


def test_failure_after_a_part_of_the_answer_is_charged_by_estimate_and_its_repetition_in_full(
    principal: Principal, gateway: FakeGateway, settings: Settings
) -> None:
    settings.SHANNON_MODEL_ATTEMPTS = 1
    ctx = step_of(principal)
    will_say(gateway, broken_off(ModelUnavailable()), REPLY)

    with pytest.raises(ModelUnavailable) as caught:
        model_call(ctx, Journal(ctx), REQUEST)

    assert caught.value.details["used"]["is_estimate"] is True
    assert (spent(ctx).spent_tokens, spent(ctx).reserved_tokens) == (19, 0)
    entry = JournalEntry.objects.get(step_id=ctx.step_id)
    assert (entry.prompt_tokens, entry.completion_tokens) == (15, 4)
    assert (entry.error or {})["details"]["used"]["is_estimate"] is True

    again = next_attempt(ctx)
    assert model_call(again, Journal(again), REQUEST) == REPLY
    assert (spent(ctx).spent_tokens, spent(ctx).reserved_tokens) == (19 + 30, 0)


def test_failed_attempts_within_a_call_are_paid_with_it(principal: Principal, gateway: FakeGateway) -> None:
    ctx = step_of(principal)
    will_say(gateway, broken_off(ModelAnswerInvalid()), broken_off(ModelAnswerInvalid()), REPLY)

    assert model_call(ctx, Journal(ctx), REQUEST) == REPLY

    assert (spent(ctx).spent_tokens, spent(ctx).reserved_tokens) == (19 + 19 + 30, 0)
    assert engine_of(ctx).events[-1].payload["used_by_failed_attempts"]["prompt_tokens"] == 30


def limited(ctx: Any, tokens: int) -> Budget:
    ref = ctx.budgets[0]
    budget = Budget.objects.get(scope=ref.scope, scope_id=ref.scope_id)
    budget_limit(budget=budget, limit_tokens=tokens, limit_usd=None)
    return budget


def test_an_attempt_after_a_billed_one_must_fit_into_the_budget_too(principal: Principal, gateway: FakeGateway) -> None:
    ctx = step_of(principal)
    limited(ctx, 250)
    will_say(gateway, *(billed(100, 20) for _ in range(3)), REPLY)

    with pytest.raises(BudgetExceeded) as refused:
        model_call(ctx, Journal(ctx), REQUEST)

    assert len(gateway.requests) == 2, "a third attempt might have cost more than is left"
    assert (refused.value.details["scope"], refused.value.details["limit"]) == ("tenant", 250)
    assert (spent(ctx).spent_tokens, spent(ctx).reserved_tokens) == (240, 0)
    assert AuditEntry.objects.filter(rule="BUDGET_EXCEEDED").count() == 1
    assert ledger_check() == []


def test_what_a_repeated_attempt_may_cost_is_set_aside_before_it_and_given_back_after(
    principal: Principal, gateway: FakeGateway
) -> None:
    ctx = step_of(principal)
    limited(ctx, 1_000)
    held: list[int] = []

    def look(_: ModelRequest) -> ModelReply:
        held.append(spent(ctx).reserved_tokens)
        return REPLY

    gateway._respond = look
    will_say(gateway, billed(100, 20))

    assert model_call(ctx, Journal(ctx), REQUEST) == REPLY

    most = prompt_tokens_estimate(REQUEST) + REQUEST.max_output_tokens
    assert held == [most + 120]
    assert (spent(ctx).spent_tokens, spent(ctx).reserved_tokens) == (120 + 30, 0)
    assert ledger_check() == []


def test_an_attempt_after_one_that_cost_nothing_asks_no_budget_again(
    principal: Principal, gateway: FakeGateway
) -> None:
    ctx = step_of(principal)
    will_say(gateway, ModelUnavailable(), ModelUnavailable(), REPLY)
    with CaptureQueriesContext(connection) as asked:
        model_call(ctx, Journal(ctx), REQUEST)

    of_budgets = [query["sql"] for query in asked if "policy_budget" in query["sql"]]
    assert len(gateway.requests) == 3
    assert len(of_budgets) == 2, "one to reserve, one to settle, as for a call without failures"


def test_the_limit_of_each_call_holds_for_all_its_attempts(principal: Principal, gateway: FakeGateway) -> None:
    ctx = replace(step_of(principal), request_limits=BudgetLimits(tokens=200))
    will_say(gateway, billed(100, 20), REPLY)

    with pytest.raises(BudgetExceeded, match="budget of the request"):
        model_call(ctx, Journal(ctx), REQUEST)

    assert len(gateway.requests) == 1


def test_failure_that_used_more_than_the_budget_holds_is_charged_in_full(
    principal: Principal, gateway: FakeGateway
) -> None:
    ctx = step_of(principal)
    ref = ctx.budgets[0]
    budget_limit(budget=Budget.objects.get(scope=ref.scope, scope_id=ref.scope_id), limit_tokens=200, limit_usd=None)
    failure = ModelRefused()
    failure.used = ModelUsage(300, 4, None)
    will_say(gateway, failure)

    with pytest.raises(ModelRefused):
        model_call(ctx, Journal(ctx), REQUEST)

    assert (spent(ctx).spent_tokens, spent(ctx).reserved_tokens) == (304, 0)


def test_a_retry_after_a_loss_beyond_the_budget_is_not_free(
    principal: Principal, gateway: FakeGateway, settings: Settings
) -> None:
    settings.SHANNON_MODEL_ATTEMPTS = 1
    ctx = step_of(principal)
    ref = ctx.budgets[0]
    budget = Budget.objects.get(scope=ref.scope, scope_id=ref.scope_id)
    budget_limit(budget=budget, limit_tokens=200, limit_usd=None)
    failure = ModelUnavailable()
    failure.used = ModelUsage(300, 4, None)
    will_say(gateway, failure, REPLY)
    with pytest.raises(ModelUnavailable):
        model_call(ctx, Journal(ctx), REQUEST)
    assert (spent(ctx).spent_tokens, spent(ctx).reserved_tokens) == (304, 0)

    again = next_attempt(ctx)
    with pytest.raises(BudgetExceeded):  # the budget is asked anew: nothing of it was settled for this call
        model_call(again, Journal(again), REQUEST)
    budget_limit(budget=budget, limit_tokens=2_000, limit_usd=None)
    third = next_attempt(again)
    assert model_call(third, Journal(third), REQUEST) == REPLY

    assert (spent(ctx).spent_tokens, spent(ctx).reserved_tokens) == (304 + 30, 0)
    assert sum(LedgerEntry.objects.filter(step_id=ctx.step_id).values_list("tokens", flat=True)) == 304 + 30
    assert step_usage(ctx.step_id) == Usage(300 + 20, 4 + 10, None, model_calls=1)
    assert ledger_check() == []


def test_a_step_counts_what_its_failed_calls_used(
    principal: Principal, gateway: FakeGateway, settings: Settings
) -> None:
    settings.SHANNON_MODEL_ATTEMPTS = 1
    ctx = step_of(principal)
    will_say(gateway, broken_off(ModelUnavailable()), broken_off(ModelUnavailable()), REPLY)
    for number in (1, 2):
        with pytest.raises(ModelUnavailable):
            model_call(ctx, Journal(ctx), REQUEST)
        assert step_usage(ctx.step_id) == Usage(15 * number, 4 * number, Decimal("0.00001") * number)
        ctx = next_attempt(ctx)
    journal = Journal(ctx)

    model_call(ctx, journal, REQUEST)

    used = Usage(15 * 2 + 20, 4 * 2 + 10, Decimal("0.00005"), model_calls=1)
    assert step_usage(ctx.step_id) == journal.usage == used
    assert spent(ctx).spent_tokens == used.total_tokens
    assert spent(ctx).spent_usd == used.cost_usd


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


def test_passing_failure_is_tried_again(principal: Principal, gateway: FakeGateway) -> None:
    ctx = step_of(principal)
    will_say(gateway, ModelUnavailable(), ModelUnavailable(), REPLY)

    assert model_call(ctx, Journal(ctx), REQUEST) == REPLY
    assert len(gateway.requests) == 3


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
