"""Answers that no model is asked for again, what is kept of calls, and what is shown of both."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from prometheus_client import REGISTRY
from pytest_django import Settings

from agents.journal import Journal
from agents.llm.administration import gateway_row_save
from agents.llm.base import gateway_in_use
from agents.llm.caching.answering import CacheRules, answer_through_caches
from agents.llm.calls import model_call
from agents.llm.keeping import text_kept, texts_purge
from agents.llm.types import ModelReply, ModelRequest, SemanticRule
from agents.models import CachedAnswer, KeptText, ModelCall, ModelOverride, ModelRules, TierOverride
from agents.roles.catalogue import SemanticCache
from policy.selectors import budget_states
from policy.types import Principal
from shannon_project.foundation.ids import uuid7
from tests.integration.agents.steps import engine_of, step_of
from tests.provider import Fault, FaultProvider, fault_provider

pytestmark = pytest.mark.django_db
REQUEST = ModelRequest(messages=[{"role": "user", "content": "hello there"}], max_output_tokens=50)


@pytest.fixture(scope="module")
def server() -> Iterator[FaultProvider]:
    """The provider, for all tests of this file."""
    gateway_in_use().warm()  # outside of a transaction: Postgres ends one that is idle for as long as litellm loads
    with fault_provider() as running:
        yield running


@pytest.fixture
def provider(server: FaultProvider, settings: Settings, principal: Principal, stranger: Principal) -> FaultProvider:
    """The provider, which serves everybody's medium; answers are cached for a minute."""
    server.forget()
    settings.SHANNON_POLICY_RECHECK_SECONDS = 0.0
    settings.SHANNON_MODEL_CACHE_SECONDS = 60
    model = ModelOverride(name="m1", litellm_name="openai/m1", provider="near", api_base=server.base_url)
    model.input_usd, model.output_usd, model.abilities = Decimal(1), Decimal(2), ["tools", "streaming"]
    gateway_row_save(row=model)
    gateway_row_save(row=TierOverride(tier="medium", candidates=["m1"]))
    return server


def ask(who: Principal, request: ModelRequest = REQUEST) -> tuple[ModelReply, Any]:
    ctx = step_of(who)
    return model_call(ctx, Journal(ctx), request), ctx


def saved_usd(kind: str) -> float:
    return REGISTRY.get_sample_value("shannon_model_saved_usd_total", {"kind": kind}) or 0.0


def test_the_same_request_is_answered_once_and_the_second_time_for_nothing(
    principal: Principal, provider: FaultProvider
) -> None:
    before = saved_usd("exact")
    first, _ = ask(principal)
    second, ctx = ask(principal)

    assert len(provider.calls) == 1
    assert (second.text, second.prompt_tokens, second.cost_usd) == (first.text, 0, Decimal(0))
    assert second.hit is not None
    assert (second.hit.kind, second.hit.saved_usd) == ("exact", first.cost_usd)
    assert saved_usd("exact") - before == pytest.approx(float(first.cost_usd or 0))
    row = ModelCall.objects.get(task_id=ctx.task_id)
    assert (row.cache, row.attempt, row.saved_usd, row.cost_usd) == ("exact", 0, first.cost_usd, Decimal(0))
    assert engine_of(ctx).events[-1].payload["cache"]["kind"] == "exact"
    assert "".join(engine_of(ctx).deltas) == first.text, "who watches sees it all the same"
    spent = budget_states(tenant_id=principal.tenant_id, refs=ctx.budgets)[0]
    assert (spent.spent_tokens, spent.reserved_tokens) == (first.prompt_tokens + first.completion_tokens, 0)


def test_another_tenant_is_never_given_an_answer_of_this_one(
    principal: Principal, stranger: Principal, provider: FaultProvider
) -> None:
    ask(principal)
    ask(stranger)

    assert len(provider.calls) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"messages": [{"role": "user", "content": "hello there!"}]},
        {"max_output_tokens": 51},
        {"tools": [{"type": "function", "function": {"name": "t", "parameters": {"type": "object"}}}]},
        {"options": {"seed": 1}},
        {"model_override": "m1"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_changes_the_answer_is_part_of_the_question(
    principal: Principal, provider: FaultProvider, change: dict[str, Any]
) -> None:
    ask(principal)
    ask(principal, replace(REQUEST, **change))

    assert len(provider.calls) == 2


def test_only_answers_at_temperature_0_are_kept_unless_the_tenant_says_otherwise(
    principal: Principal, provider: FaultProvider
) -> None:
    warm = replace(REQUEST, options={"temperature": 0.7})
    ask(principal, warm)
    ask(principal, warm)
    assert len(provider.calls) == 2
    gateway_row_save(row=ModelRules(tenant_id=principal.tenant_id, caches_any_temperature=True))
    ask(principal, warm)
    ask(principal, warm)

    assert len(provider.calls) == 3


def test_a_tenant_may_have_no_cache(principal: Principal, provider: FaultProvider) -> None:
    gateway_row_save(row=ModelRules(tenant_id=principal.tenant_id, response_cache_seconds=0))
    ask(principal)
    ask(principal)

    assert len(provider.calls) == 2


def test_an_answer_that_was_cut_short_is_not_kept(principal: Principal, provider: FaultProvider) -> None:
    provider.will(Fault(finish_reason="length"))
    ask(principal)
    reply, _ = ask(principal)

    assert reply.hit is None
    assert len(provider.calls) == 2


def flights(count: int, ask_model: Any) -> list[ModelReply]:
    rules, found = CacheRules(uuid7().hex, 60, None), list[ModelReply]()

    def work() -> None:
        found.append(answer_through_caches(rules, ask_model, checkpoint=lambda: None, wait_seconds=20.0))

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return found


def test_many_that_ask_the_same_at_once_are_answered_by_one_call() -> None:
    asked: list[int] = []

    def ask_model() -> ModelReply:
        asked.append(1)
        time.sleep(0.3)
        return ModelReply("one", prompt_tokens=5, completion_tokens=1)

    found = flights(8, ask_model)

    assert len(asked) == 1
    assert [reply.text for reply in found] == ["one"] * 8
    assert sorted(reply.hit.kind if reply.hit else "" for reply in found) == ["", *["flight"] * 7]


def test_when_the_first_of_them_fails_another_one_asks() -> None:
    asked: list[int] = []

    def ask_model() -> ModelReply:
        asked.append(1)
        time.sleep(0.1)
        if len(asked) == 1:
            raise KeyError("the first one")
        return ModelReply("two", prompt_tokens=5, completion_tokens=1)

    rules, found = CacheRules(uuid7().hex, 60, None), list[str]()

    def work() -> None:
        try:
            found.append(answer_through_caches(rules, ask_model, checkpoint=lambda: None, wait_seconds=20.0).text)
        except KeyError:
            found.append("failed")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(found) == ["failed", "two", "two", "two"]
    assert len(asked) == 2


SEMANTIC = SemanticRule(threshold=0.8, keep_seconds=600)


def question(text: str, rule: SemanticRule | None = SEMANTIC, system: str = "Answer.") -> ModelRequest:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    return ModelRequest(messages=messages, max_output_tokens=50, semantic=rule)


def test_a_question_that_means_the_same_is_answered_from_the_cache_and_says_so(
    principal: Principal, provider: FaultProvider, settings: Settings
) -> None:
    settings.SHANNON_MODEL_CACHE_SECONDS = 0
    first, _ = ask(principal, question("What is the capital city of France?"))
    second, ctx = ask(principal, question("What is the capital of France?"))

    assert len(provider.calls) == 1
    assert second.text == first.text
    shown = engine_of(ctx).events[-1].payload["cache"]
    assert (shown["kind"], shown["question"]) == ("semantic", "What is the capital city of France?")
    assert 0.8 <= shown["similarity"] < 1
    assert ModelCall.objects.get(task_id=ctx.task_id).cache == "semantic"


def test_what_the_database_does_not_take_of_an_answer_breaks_no_call(
    principal: Principal, provider: FaultProvider, settings: Settings
) -> None:
    settings.SHANNON_MODEL_CACHE_SECONDS = 0
    provider.will(Fault(text="Paris\x00"))
    first, _ = ask(principal, question("What is the capital city of France?"))
    second, _ = ask(principal, question("What is the capital of France?"))

    assert first.text.startswith("Paris")
    assert second.hit is not None
    assert second.text.startswith("Paris")


@pytest.mark.parametrize(
    "other",
    [
        question("How do I bake a chocolate cake?"),
        question("What is the capital of France?", rule=None),
        question("What is the capital of France?", rule=SemanticRule(0.9999, 600)),
        question("What is the capital of France?", system="Answer in Latin."),
    ],
    ids=["other meaning", "role without a cache", "higher threshold", "other prompt"],
)
def test_a_question_that_does_not_is_asked(
    principal: Principal, provider: FaultProvider, settings: Settings, other: ModelRequest
) -> None:
    settings.SHANNON_MODEL_CACHE_SECONDS = 0
    ask(principal, question("What is the capital city of France?"))
    reply, _ = ask(principal, other)

    assert reply.hit is None
    assert len(provider.calls) == 2


def test_meaning_is_looked_for_in_the_tenants_own_answers_alone_and_not_in_old_ones(
    principal: Principal, stranger: Principal, provider: FaultProvider, settings: Settings
) -> None:
    settings.SHANNON_MODEL_CACHE_SECONDS = 0
    asked = question("What is the capital city of France?")
    ask(principal, asked)
    ask(stranger, asked)
    assert len(provider.calls) == 2
    CachedAnswer.objects.update(expires_at=Now() - timedelta(seconds=1))
    ask(principal, asked)

    assert len(provider.calls) == 3
    assert texts_purge() == 2
    assert CachedAnswer.objects.count() == 1


def test_a_role_says_that_its_answers_serve_what_means_the_same() -> None:
    assert SemanticCache(threshold=0.9, keep_seconds=60).rule() == SemanticRule(0.9, 60)


def test_prompts_and_answers_are_kept_redacted_for_as_long_as_the_tenant_says(
    principal: Principal, stranger: Principal, provider: FaultProvider
) -> None:
    gateway_row_save(row=ModelRules(tenant_id=principal.tenant_id, prompt_retention_days=7))
    secret = ModelRequest(messages=[{"role": "user", "content": "my key is sk-abcdefgh12345678"}])
    _, ctx = ask(principal, secret)
    _, other = ask(stranger, secret)

    row = ModelCall.objects.get(task_id=ctx.task_id)
    prompt = text_kept(tenant_id=principal.tenant_id, digest=row.prompt_digest)
    answer = text_kept(tenant_id=principal.tenant_id, digest=row.answer_digest)
    assert prompt is not None
    assert answer is not None
    assert "my key is [redacted]" in prompt
    assert "You said: my key is [redacted]" in answer
    assert text_kept(tenant_id=stranger.tenant_id, digest=row.prompt_digest) is None
    assert ModelCall.objects.get(task_id=other.task_id).prompt_digest == "", "by default nothing is kept"


def test_kept_texts_go_when_their_time_is_over_and_a_later_call_keeps_them_longer(
    principal: Principal, provider: FaultProvider
) -> None:
    gateway_row_save(row=ModelRules(tenant_id=principal.tenant_id, prompt_retention_days=7))
    ask(principal)
    KeptText.objects.update(expires_at=Now() - timedelta(seconds=1))
    ask(principal)

    assert KeptText.objects.count() == 2, "the same texts are one row each"
    assert texts_purge() == 0
    KeptText.objects.update(expires_at=Now() - timedelta(seconds=1))

    assert texts_purge() == 2
    assert not KeptText.objects.exists()


def custom_redactor(text: str, *, tenant_id: Any) -> str:
    return f"{tenant_id} {len(text)}"


def test_another_redactor_may_be_set(principal: Principal, provider: FaultProvider, settings: Settings) -> None:
    settings.SHANNON_MODEL_REDACTOR = f"{__name__}.custom_redactor"
    gateway_row_save(row=ModelRules(tenant_id=principal.tenant_id, prompt_retention_days=1))
    ask(principal)

    assert all(text.startswith(str(principal.tenant_id)) for text in KeptText.objects.values_list("text", flat=True))


def test_the_table_of_kept_texts_is_the_one_that_is_written() -> None:
    assert KeptText._meta.db_table in connection.introspection.table_names()
