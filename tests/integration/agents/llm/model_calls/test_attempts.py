"""Failed attempts of a call: paid, within the budget, and set aside before they are made."""

from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from agents.journal import Journal
from agents.llm.calls import model_call
from agents.llm.errors import ModelAnswerInvalid, ModelRefused, ModelUnavailable, ModelUsage
from agents.llm.estimates import prompt_tokens_estimate
from agents.llm.fake import FakeGateway
from agents.llm.types import ModelReply, ModelRequest
from agents.models import JournalEntry
from agents.services import step_usage
from agents.types import Usage
from policy.errors import BudgetExceeded
from policy.models import AuditEntry, Budget, LedgerEntry
from policy.services import budget_limit, ledger_check
from policy.types import BudgetLimits, Principal
from tests.integration.agents.llm.model_calls.playing import (
    REPLY,
    REQUEST,
    billed,
    broken_off,
    gateway,
    limited,
    spent,
    will_say,
)
from tests.integration.agents.steps import engine_of, next_attempt, step_of

__all__ = ["gateway"]
pytestmark = pytest.mark.django_db


def test_failure_before_any_answer_gives_the_money_back(principal: Principal, gateway: FakeGateway) -> None:
    ctx = step_of(principal)
    will_say(gateway, ModelRefused("no key"))

    with pytest.raises(ModelRefused):
        model_call(ctx, Journal(ctx), REQUEST)

    assert (spent(ctx).spent_tokens, spent(ctx).reserved_tokens) == (0, 0)


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


def test_passing_failure_is_tried_again(principal: Principal, gateway: FakeGateway) -> None:
    ctx = step_of(principal)
    will_say(gateway, ModelUnavailable(), ModelUnavailable(), REPLY)

    assert model_call(ctx, Journal(ctx), REQUEST) == REPLY
    assert len(gateway.requests) == 3
