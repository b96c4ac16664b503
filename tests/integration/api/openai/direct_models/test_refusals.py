"""What is refused, by whom, and what it costs."""

import json
from typing import Any

import httpx
import openai
import pytest
from pytest_django import Settings

from policy.models import AuditEntry, Budget, Reservation
from policy.services import budget_limit, policies_forget, policy_save
from policy.types import ReservationStatus
from tests.integration.agents.llm.providers import Provider
from tests.integration.api.callers import Caller
from tests.integration.api.openai.direct_models.asking import ASK

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("gateway_url")]


@pytest.mark.parametrize(
    ("more", "says", "param"),
    [
        ({"logprobs": True}, "probabilities of tokens are not told", "logprobs"),
        ({"top_logprobs": 2}, "probabilities of tokens are not told", "top_logprobs"),
        ({"functions": [{}]}, "use tools", "functions"),
        ({"colour": 1}, "Unknown field: colour", "colour"),
        ({"temperature": 3}, "temperature: ", "temperature"),
        ({"n": 99}, "n: ", "n"),
        ({"max_tokens": 10**30}, "max_tokens: ", "max_tokens"),
        ({"max_completion_tokens": 10**19}, "max_completion_tokens: ", "max_completion_tokens"),
        ({"tools": [{"type": "mcp", "server_url": "https://x.example/"}]}, "only tools of the type function", "tools"),
        ({"tools": [{"type": "function"}]}, "each tool is a function with a name", "tools"),
        ({"tools": [{"type": "function", "function": {"name": 5}}]}, "each tool is a function with a name", "tools"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": 5}}]},
            "must be a JSON schema",
            "tools",
        ),
        ({"tool_choice": {"a": 1}}, "or a function by its name", "tool_choice"),
        ({"response_format": {"type": "poem"}}, "type must be one of text, json_object", "response_format"),
        ({"response_format": {"type": ["text"]}}, "type must be one of text, json_object", "response_format"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/"}}]}]},
            "addresses are not fetched here",
            "messages",
        ),
        ({"shannon_options": {}}, "Unknown field: shannon_options", "shannon_options"),
    ],
)
def test_what_is_not_available_is_refused_by_name(
    client: openai.OpenAI, more: dict[str, Any], says: str, param: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=says) as refused:
        client.chat.completions.create(model="small", messages=ASK, extra_body=more)
    assert (refused.value.type, refused.value.param) == ("invalid_request_error", param)
    assert refused.value.body["request_id"]  # type: ignore[index]
    assert not Reservation.objects.exists()


def test_a_model_that_is_not_there_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIStatusError, match="there is no model 'gpt-99'") as refused:
        client.chat.completions.create(model="gpt-99", messages=ASK)
    assert refused.value.code == "MODEL_UNKNOWN"


def test_a_used_up_budget_refuses_and_the_refusal_names_it(client: openai.OpenAI, caller: Caller) -> None:
    budget = Budget.objects.get(scope="tenant", scope_id=caller.tenant.id)
    budget_limit(budget=budget, limit_tokens=10, limit_usd=None)
    with pytest.raises(openai.APIStatusError, match="budget of the tenant") as refused:
        client.chat.completions.create(model="small", messages=ASK, stream=True)
    assert (refused.value.status_code, refused.value.code, refused.value.type) == (
        402,
        "BUDGET_EXCEEDED",
        "insufficient_quota",
    )
    details: Any = refused.value.body["details"]  # type: ignore[index]
    assert {"scope", "limit", "spent", "reserved", "asked"} <= set(details)
    assert AuditEntry.objects.filter(rule="BUDGET_EXCEEDED", tenant=caller.tenant).count() == 1


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_a_number_that_json_does_not_have_is_no_body(base_url: str, caller: Caller, number: str) -> None:
    head = '{"model": "small", "messages": [{"role": "user", "content": "Hi"}], "logit_bias": {"1": '
    body = f"{head}{number}}}}}"
    refused = httpx.post(f"{base_url}/v1/chat/completions", content=body, headers={"X-API-Key": caller.key})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "INVALID_INPUT")


def test_a_call_for_which_a_person_is_wanted_is_refused(client: openai.OpenAI, caller: Caller) -> None:
    rego = """package tenant.people
import rego.v1
actions := {"model.call"}
require_approval contains "A person must look at this." if true
"""
    policy_save(name="people", rego=rego, tenant_id=caller.tenant.id)
    policies_forget()
    with pytest.raises(openai.PermissionDeniedError, match="submit a task") as refused:
        client.chat.completions.create(model="small", messages=ASK)
    policies_forget()
    assert refused.value.code == "APPROVAL_REQUIRED"
    assert not Reservation.objects.exists()


@pytest.mark.parametrize(
    ("setting", "value"), [("SHANNON_OPENAI_BODY_MAX_BYTES", 20_000), ("SHANNON_OPENAI_BODY_MAX_VALUES", 1_000)]
)
@pytest.mark.parametrize("model", ["openai/loopback-m", "shannon-chat"])
def test_a_body_that_is_too_large_is_refused_by_the_name_of_the_limit_before_it_is_read(
    base_url: str, caller: Caller, provider: Provider, settings: Settings, setting: str, value: int, model: str
) -> None:
    setattr(settings, setting, value)
    body = json.dumps({"model": model, "messages": ASK, "tools": [{}] * 12_000})

    refused = httpx.post(f"{base_url}/v1/chat/completions", content=body, headers={"X-API-Key": caller.key})

    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "BODY_TOO_LARGE")
    assert refused.json()["error"]["details"]["limit"] == setting
    assert provider.asked == []


def test_a_providers_failure_is_typed_and_costs_nothing(
    client: openai.OpenAI, provider: Provider, settings: Settings
) -> None:
    settings.SHANNON_MODEL_ATTEMPTS = 1
    provider.status, provider.body = 429, b'{"error": {"message": "slow down sk-of-the-provider"}}'
    provider.headers["Retry-After"] = "7"
    with pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(model="openai/loopback-m", messages=ASK)
    assert refused.value.response.headers["Retry-After"] == "7"
    assert "sk-of-the-provider" not in refused.value.response.text
    assert set(Reservation.objects.values_list("status", flat=True)) == {ReservationStatus.RELEASED}


def test_who_lacks_the_scope_or_the_key_is_refused(base_url: str, client: openai.OpenAI, caller_with: Any) -> None:
    reader = caller_with("tasks:read")
    with pytest.raises(openai.PermissionDeniedError):
        client.with_options(api_key=reader.key).chat.completions.create(model="small", messages=ASK)


def test_the_gateway_serves_nobody_but_web(gateway_url: str, caller: Caller) -> None:
    url = f"{gateway_url}/v1/chat/completions"
    body = {"model": "small", "messages": ASK}
    for headers in ({}, {"X-API-Key": caller.key}, {"x-shannon-internal": "guess"}):
        assert httpx.post(url, json=body, headers=headers).status_code == 404


def test_without_a_gateway_the_answer_is_try_again(client: openai.OpenAI, settings: Settings) -> None:
    settings.SHANNON_GATEWAY_URL = "http://127.0.0.1:1"
    with pytest.raises(openai.InternalServerError) as refused:
        client.chat.completions.create(model="small", messages=ASK)
    assert (refused.value.status_code, refused.value.code) == (503, "GATEWAY_UNAVAILABLE")
    assert refused.value.response.headers["Retry-After"]
