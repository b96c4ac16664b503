"""Vectors by the official client: of the built-in model, and of models of the catalogue, authorised and paid."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import openai
import pytest
from django.core.cache import cache
from langchain_openai import OpenAIEmbeddings
from pydantic import SecretStr
from pytest_django import Settings

from agents.llm.administration import gateway_row_save
from agents.models import ModelCall, ModelOverride, TierOverride
from policy.models import AuditEntry, Budget, LedgerEntry, Reservation
from policy.services import budget_limit, policies_forget, policy_save, tenant_seed
from shannon_project.config.catalogue import CatalogueInvalid
from tests.integration.api.callers import Caller
from tests.provider import Fault, FaultProvider, fault_provider

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("gateway_url")]

TEXTS = ["a red car", "tax law", "a scarlet automobile"]


@pytest.fixture
def vectors_by(caller: Caller) -> Iterator[FaultProvider]:
    """A server whose model `vectors` of the caller's tenant makes vectors."""
    with fault_provider() as provider:
        gateway_row_save(row=embedding_row(caller.tenant.id, provider))
        yield provider


def embedding_row(tenant_id: Any, provider: FaultProvider) -> ModelOverride:
    return ModelOverride(
        tenant_id=tenant_id,
        name="vectors",
        litellm_name="openai/embed-m",
        provider="openai-compatible",
        api_base=provider.base_url,
        abilities=["embedding"],
        context_window_tokens=1_000,
        input_usd=Decimal(2),
        output_usd=Decimal(0),
    )


def test_texts_are_embedded_and_charged(client: openai.OpenAI, caller: Caller) -> None:
    answer = client.embeddings.create(model="wordllama", input=["a red car", "a scarlet automobile", "tax law"])
    floats = client.embeddings.create(model="wordllama", input="a red car", encoding_format="float")
    vectors = [item.embedding for item in answer.data]
    assert len(vectors[0]) == 256
    assert vectors[0] == pytest.approx(floats.data[0].embedding, abs=1e-6)  # base64, which the client asks for, and not
    near, far = (sum(a * b for a, b in zip(vectors[0], vectors[i], strict=True)) for i in (1, 2))
    assert near > far
    budget = Budget.objects.get(scope="tenant", scope_id=caller.tenant.id)
    assert budget.spent_tokens == answer.usage.total_tokens + floats.usage.total_tokens > 0
    with pytest.raises(openai.NotFoundError, match="no such model"):
        client.embeddings.create(model="text-embedding-3-small", input="a")


@pytest.mark.parametrize(
    ("more", "says", "param"),
    [
        ({"input": [[1, 2], [10**9]]}, "a number is no token of cl100k_base", "input"),
        ({"input": ["a", [1]]}, "a text, the token ids of one, or a list of either", "input"),
        ({"input": ["a", ""]}, "text 1 is empty", "input"),
        ({"input": ["a"] * 2_049}, "at most 2048, these are 2049", "input"),
        ({"input": "a", "dimensions": 64}, "wordllama has 256", "dimensions"),
    ],
)
def test_what_cannot_be_embedded_is_refused_by_name(
    client: openai.OpenAI, more: dict[str, Any], says: str, param: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=says) as refused:
        client.embeddings.create(model="wordllama", **more)
    assert refused.value.param == param


def test_the_tokens_of_a_text_have_its_vector(client: openai.OpenAI) -> None:
    text = client.embeddings.create(model="wordllama", input="hello world")
    tokens = client.embeddings.create(model="wordllama", input=[[15339, 1917]])

    assert tokens.data == text.data
    assert tokens.usage == text.usage


def test_langchain_embeds_texts(base_url: str, caller: Caller) -> None:
    embeddings = OpenAIEmbeddings(
        model="wordllama",
        openai_api_base=f"{base_url}/v1",
        openai_api_key=SecretStr(caller.key),
        dimensions=256,
        check_embedding_ctx_length=False,
    )
    assert [len(vector) for vector in embeddings.embed_documents(["a red car", "tax law"])] == [256, 256]


def test_a_model_of_the_catalogue_makes_vectors_and_is_paid(
    client: openai.OpenAI, caller: Caller, vectors_by: FaultProvider
) -> None:
    answer = client.embeddings.create(model="vectors", input=TEXTS, dimensions=5)

    assert [item.embedding for item in answer.data] == [[float(len(text)), 1.0, 1.0, 1.0, 1.0] for text in TEXTS]
    asked = vectors_by.calls[0].body
    assert (asked["input"], asked["model"], asked["dimensions"]) == (TEXTS, "embed-m", 5)
    used = sum(len(text) // 4 + 1 for text in TEXTS)
    budget = Budget.objects.get(scope="tenant", scope_id=caller.tenant.id)
    assert answer.usage.total_tokens == budget.spent_tokens == used
    assert budget.spent_usd == Decimal(2) * used / 1_000_000
    assert budget.reserved_tokens == budget.reserved_usd == 0
    row = ModelCall.objects.get()
    assert (row.purpose, row.model, row.outcome, row.prompt_tokens) == ("embed", "vectors", "ok", used)
    assert (row.completion_tokens, row.is_estimate) == (0, False)
    entry = LedgerEntry.objects.get()
    assert (entry.model, entry.prompt_tokens, entry.completion_tokens) == ("vectors", used, 0)
    assert "vectors" in {model.id for model in client.models.list()}


def test_langchain_embeds_texts_by_a_model_of_the_catalogue(
    base_url: str, caller: Caller, vectors_by: FaultProvider
) -> None:
    embeddings = OpenAIEmbeddings(
        model="vectors",
        openai_api_base=f"{base_url}/v1",
        openai_api_key=SecretStr(caller.key),
        check_embedding_ctx_length=False,
    )
    assert embeddings.embed_documents(TEXTS) == [[float(len(text)), 1.0, 1.0] for text in TEXTS]
    assert len(vectors_by.calls) == 1


def test_a_model_of_another_tenant_makes_no_vectors(client: openai.OpenAI, vectors_by: FaultProvider) -> None:
    ModelOverride.objects.all().delete()
    other = tenant_seed(slug="other", name="Other")
    gateway_row_save(row=embedding_row(other.id, vectors_by))
    cache.clear()

    with pytest.raises(openai.NotFoundError, match="no such model"):
        client.embeddings.create(model="vectors", input="a")
    assert vectors_by.calls == []


def test_what_no_budget_covers_is_not_asked(client: openai.OpenAI, caller: Caller, vectors_by: FaultProvider) -> None:
    budget = Budget.objects.get(scope="tenant", scope_id=caller.tenant.id)
    budget_limit(budget=budget, limit_tokens=3, limit_usd=None)

    with pytest.raises(openai.APIStatusError) as refused:
        client.embeddings.create(model="vectors", input=TEXTS)

    assert (refused.value.status_code, refused.value.code) == (402, "BUDGET_EXCEEDED")
    assert vectors_by.calls == []
    assert AuditEntry.objects.filter(rule="BUDGET_EXCEEDED").count() == 1


def test_a_policy_that_denies_the_model_is_obeyed(
    client: openai.OpenAI, caller: Caller, vectors_by: FaultProvider
) -> None:
    rego = """package tenant.no_vectors
import rego.v1
actions := {"model.call"}
deny contains "No vectors." if input.resource.purpose == "embed"
"""
    policy_save(name="no_vectors", rego=rego, tenant_id=caller.tenant.id)
    policies_forget()
    with pytest.raises(openai.PermissionDeniedError, match="No vectors"):
        client.embeddings.create(model="vectors", input="a")
    policies_forget()
    assert vectors_by.calls == []


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Fault(status=500, times=0), 503, "MODEL_UNAVAILABLE"),
        (Fault(status=429, times=0, retry_after="120"), 429, "MODEL_RATE_LIMITED"),
        (Fault(status=401, times=0), 502, "MODEL_REFUSED"),
        (Fault(empty_choices=True, times=0), 502, "MODEL_ANSWER_INVALID"),
        (Fault(body='{"data": [{"embedding": [1, null]}]}', times=0), 502, "MODEL_ANSWER_INVALID"),
        (Fault(body="<html>", times=0), 503, "MODEL_UNAVAILABLE"),
    ],
    ids=["500", "429", "401", "no vectors", "no numbers", "no JSON"],
)
def test_a_provider_that_fails_is_told_and_nothing_stays_set_aside(
    client: openai.OpenAI, vectors_by: FaultProvider, settings: Settings, fault: Fault, status: int, code: str
) -> None:
    settings.SHANNON_MODEL_ATTEMPTS = 1
    vectors_by.will(fault)

    with pytest.raises(openai.APIStatusError) as failed:
        client.embeddings.create(model="vectors", input="a")

    assert (failed.value.status_code, failed.value.code) == (status, code)
    assert len(vectors_by.calls) == 1, "how often it is tried is ours to say, not the library's"
    assert not Reservation.objects.filter(status="held").exists()
    assert ModelCall.objects.get().outcome == code


def test_a_passing_failure_is_tried_again(client: openai.OpenAI, vectors_by: FaultProvider, settings: Settings) -> None:
    settings.SHANNON_MODEL_RETRY_BASE_SECONDS = 0.01
    vectors_by.will(Fault(status=503))

    assert client.embeddings.create(model="vectors", input="abc").data[0].embedding == [3.0, 1.0, 1.0]
    assert [row.outcome for row in ModelCall.objects.order_by("attempt")] == ["MODEL_UNAVAILABLE", "ok"]


def test_a_provider_that_does_not_answer_in_time_is_paid_by_estimate(
    client: openai.OpenAI, caller: Caller, vectors_by: FaultProvider, settings: Settings
) -> None:
    settings.SHANNON_MODEL_ATTEMPTS, settings.SHANNON_MODEL_TIMEOUT_SECONDS = 1, 2.0
    vectors_by.will(Fault(first_token_seconds=60.0))

    with pytest.raises(openai.APIStatusError) as failed:
        client.embeddings.create(model="vectors", input="a red car")

    assert (failed.value.status_code, failed.value.code) == (504, "MODEL_TIMEOUT")
    entry = LedgerEntry.objects.get()
    assert entry.is_estimate
    assert entry.tokens == Budget.objects.get(scope="tenant", scope_id=caller.tenant.id).spent_tokens > 0


def test_usage_that_is_not_stated_is_estimated(client: openai.OpenAI, vectors_by: FaultProvider) -> None:
    vectors_by.will(Fault(usage={}))

    assert client.embeddings.create(model="vectors", input="a red car").usage.total_tokens > 0
    assert LedgerEntry.objects.get().is_estimate


def test_a_text_beyond_the_models_window_is_refused_here(client: openai.OpenAI, vectors_by: FaultProvider) -> None:
    with pytest.raises(openai.APIStatusError, match="takes 1,000 of each"):
        client.embeddings.create(model="vectors", input=["short", "word " * 3_000])
    assert vectors_by.calls == []


def test_a_model_of_vectors_answers_no_chat_and_serves_no_tier(
    client: openai.OpenAI, caller: Caller, vectors_by: FaultProvider
) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(model="vectors", messages=[{"role": "user", "content": "Hi"}])
    assert refused.value.code == "MODEL_UNKNOWN"
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="offline/small", input="a")
    with pytest.raises(CatalogueInvalid, match="makes vectors"):
        gateway_row_save(row=TierOverride(tenant_id=caller.tenant.id, tier="small", candidates=["vectors"]))
    assert vectors_by.calls == []
