"""A question that means the same as one before is answered from the cache."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from agents.llm.keeping import texts_purge
from agents.llm.types import ModelRequest, SemanticRule
from agents.models import CachedAnswer, ModelCall
from agents.roles.catalogue import SemanticCache
from policy.types import Principal
from tests.integration.agents.llm.caches.asking import ask, provider
from tests.integration.agents.llm.serving import server
from tests.integration.agents.steps import engine_of
from tests.provider import Fault, FaultProvider

__all__ = ["provider", "server"]
pytestmark = pytest.mark.django_db


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
