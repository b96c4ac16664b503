"""What tenants change of the catalogue, their keys, and the row of every call, through real HTTP and litellm."""

import json
import logging
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from agents.errors import TaskCancelled
from agents.fake_engine import FakeStepEngine
from agents.journal import Journal
from agents.llm.administration import gateway_row_delete, gateway_row_save, provider_key_save
from agents.llm.base import gateway_in_use
from agents.llm.calls import model_call
from agents.llm.catalogues import models_of
from agents.llm.errors import ModelUnavailable
from agents.llm.gate.selection import _gate_of
from agents.llm.types import ModelRequest
from agents.models import JournalEntry, ModelCall, ModelOverride, ModelRules, ProviderKey, TierOverride
from agents.selectors import catalogue_of, model_breakdown
from agents.services import model_override_check
from orchestration.api.openai.names import models_listed
from policy.models import AuditEntry
from policy.selectors import budget_states
from policy.types import Principal
from shannon_project.config.catalogue import CatalogueInvalid, ModelUnknown
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
def provider(server: FaultProvider, settings: Settings) -> FaultProvider:
    """The provider, with nothing told; rules are looked at each time."""
    server.forget()
    settings.SHANNON_POLICY_RECHECK_SECONDS = 0.0
    settings.SHANNON_MODEL_RETRY_BASE_SECONDS = 0.001
    settings.SHANNON_MODEL_ATTEMPTS = 1
    return server


def add(principal: Principal | None, provider: FaultProvider, name: str, **values: Any) -> ModelOverride:
    row = ModelOverride(
        tenant_id=principal.tenant_id if principal else None,
        name=name,
        litellm_name=f"openai/{name}",
        provider="near",
        api_base=provider.base_url,
        input_usd=Decimal(1),
        output_usd=Decimal(2),
        abilities=["tools", "json_schema", "streaming"],
        **values,
    )
    gateway_row_save(row=row)
    return row


def tier(principal: Principal, *candidates: str, name: str = "medium", **values: Any) -> None:
    gateway_row_save(row=TierOverride(tenant_id=principal.tenant_id, tier=name, candidates=list(candidates), **values))


def test_a_tenants_rows_change_its_catalogue_and_nobody_elses(
    principal: Principal, stranger: Principal, provider: FaultProvider
) -> None:
    add(principal, provider, "m1")
    tier(principal, "m1")

    assert models_of(principal.tenant_id).catalogue.candidates(tier="medium")[0].name == "m1"
    assert models_of(stranger.tenant_id).catalogue.candidates(tier="medium")[0].name == "offline/medium"
    with pytest.raises(ModelUnknown):
        model_override_check(tenant_id=stranger.tenant_id, override="m1")


def test_everyones_row_holds_for_all_and_a_tenants_own_wins(
    principal: Principal, stranger: Principal, provider: FaultProvider
) -> None:
    add(None, provider, "shared")
    gateway_row_save(row=ModelOverride(tenant_id=principal.tenant_id, name="shared", input_usd=Decimal(7)))

    own = models_of(principal.tenant_id).catalogue.models["shared"].price
    others = models_of(stranger.tenant_id).catalogue.models["shared"].price
    assert own is not None
    assert others is not None
    assert (own.input_usd_per_million_tokens, own.output_usd_per_million_tokens) == (Decimal(7), Decimal(2))
    assert others.input_usd_per_million_tokens == 1


def test_a_tier_of_a_new_name_may_be_asked_for(principal: Principal, provider: FaultProvider) -> None:
    add(principal, provider, "m1")
    tier(principal, "m1", name="drafts")

    model_override_check(tenant_id=principal.tenant_id, override="drafts")
    ctx = step_of(principal)
    reply = model_call(ctx, Journal(ctx), ModelRequest(messages=REQUEST.messages, model_override="drafts"))

    assert (reply.model, ModelCall.objects.get().asked) == ("m1", "drafts")


def test_denied_models_are_left_out_and_allowed_ones_may_be_named(principal: Principal) -> None:
    rules = ModelRules(tenant_id=principal.tenant_id, allowed=["openai/*"], denied=["openai/o3", "offline/large"])
    gateway_row_save(row=rules)

    model_override_check(tenant_id=principal.tenant_id, override="openai/gpt-5-mini")
    for override in ("openai/o3", "offline/large", "large", "anthropic/claude-haiku-4-5"):
        with pytest.raises(ModelUnknown):
            model_override_check(tenant_id=principal.tenant_id, override=override)


def test_rows_that_make_no_catalogue_are_refused_and_not_kept(principal: Principal, provider: FaultProvider) -> None:
    with pytest.raises(CatalogueInvalid, match="ghost"):
        tier(principal, "ghost")
    assert not TierOverride.objects.exists()
    row = add(principal, provider, "m1")
    tier(principal, "m1")

    with pytest.raises(CatalogueInvalid, match="m1"):
        gateway_row_delete(row=row)

    assert ModelOverride.objects.filter(name="m1").exists()
    assert AuditEntry.objects.filter(action="tieroverride.save").count() == 1


def test_a_call_is_a_row_with_all_that_it_took(principal: Principal, provider: FaultProvider) -> None:
    add(principal, provider, "m1")
    tier(principal, "m1")
    ctx = step_of(principal)

    reply = model_call(ctx, Journal(ctx), REQUEST)

    row = ModelCall.objects.get()
    assert (row.tenant_id, row.task_id, row.step_id) == (principal.tenant_id, ctx.task_id, ctx.step_id)
    assert (row.user_id, row.position, row.attempt, row.purpose) == ("ada", 0, 1, "agent")
    assert (row.asked, row.tier, row.model, row.provider, row.outcome) == ("medium", "medium", "m1", "near", "ok")
    assert (row.prompt_tokens, row.completion_tokens) == (reply.prompt_tokens, reply.completion_tokens)
    assert row.cost_usd == reply.cost_usd == Decimal(reply.prompt_tokens + 2 * reply.completion_tokens) / 1_000_000
    assert (row.is_estimate, row.is_streamed, row.fallback_reason) == (False, True, "")
    assert row.first_token_ms is not None
    assert row.latency_ms >= row.first_token_ms
    assert row.request_digest == JournalEntry.objects.get(step_id=ctx.step_id).request_digest


def test_a_call_that_is_read_from_the_journal_is_no_second_row(principal: Principal, provider: FaultProvider) -> None:
    add(principal, provider, "m1")
    tier(principal, "m1")
    ctx = step_of(principal)
    for _ in range(2):
        model_call(ctx, Journal(ctx), REQUEST)

    assert ModelCall.objects.count() == 1


def test_fallback_over_http_leaves_a_row_for_each_attempt_and_the_budget_is_the_sum(
    principal: Principal, provider: FaultProvider
) -> None:
    add(principal, provider, "m1")
    add(principal, provider, "m2")
    tier(principal, "m1", "m2")
    provider.will(Fault(model="m1", status=503))
    ctx = step_of(principal)

    reply = model_call(ctx, Journal(ctx), REQUEST)

    first, second = ModelCall.objects.order_by("attempt")
    assert (first.model, first.outcome, first.cost_usd) == ("m1", "MODEL_UNAVAILABLE", Decimal(0))
    assert (second.model, second.outcome, second.fallback_reason) == ("m2", "ok", "MODEL_UNAVAILABLE")
    assert reply.model == "m2"
    spent = budget_states(tenant_id=principal.tenant_id, refs=ctx.budgets)[0]
    assert (spent.spent_tokens, spent.reserved_tokens) == (reply.prompt_tokens + reply.completion_tokens, 0)
    assert [(entry["model"], entry["executions"]) for entry in model_breakdown(task_id=ctx.task_id)] == [
        ("m2", 1),
        ("m1", 0),
    ]


@pytest.fixture
def _exact_gate(settings: Settings) -> Iterator[None]:
    """A gate that looks at its measures each time."""
    settings.SHANNON_MODEL_GATE = "agents.llm.gate.local.LocalGate"
    _gate_of.cache_clear()
    yield
    _gate_of.cache_clear()


@pytest.mark.usefixtures("_exact_gate")
def test_of_a_tier_by_latency_the_model_that_was_measured_to_be_faster_answers(
    principal: Principal, provider: FaultProvider
) -> None:
    add(principal, provider, "slow")
    add(principal, provider, "fast")
    tier(principal, "slow", "fast", select="latency")
    provider.will(Fault(model="slow", times=0, first_token_seconds=0.8))
    ctx = step_of(principal)
    journal = Journal(ctx)
    models = [model_call(ctx, journal, REQUEST).model for _ in range(12)]

    assert models == ["slow"] * 5 + ["fast"] * 7, "each is measured five times; then it is known"


def test_a_stream_that_breaks_after_text_fails_with_its_cost_and_tells_nothing_twice(
    principal: Principal, provider: FaultProvider
) -> None:
    add(principal, provider, "m1")
    add(principal, provider, "m2")
    tier(principal, "m1", "m2")
    provider.will(Fault(model="m1", cut_after_chunks=2))
    ctx = step_of(principal)

    with pytest.raises(ModelUnavailable):
        model_call(ctx, Journal(ctx), REQUEST)

    row = ModelCall.objects.get()
    assert (row.outcome, row.is_estimate) == ("MODEL_UNAVAILABLE", True)
    assert row.completion_tokens > 0
    assert len(provider.calls) == 1
    spent = budget_states(tenant_id=principal.tenant_id, refs=ctx.budgets)[0]
    assert spent.spent_tokens == row.prompt_tokens + row.completion_tokens


def test_a_call_that_is_cancelled_in_the_middle_is_accounted_by_estimate(
    principal: Principal, provider: FaultProvider
) -> None:
    add(principal, provider, "m1")
    tier(principal, "m1")
    provider.will(Fault(between_seconds=0.1, chunks=10))
    ctx = step_of(principal)
    engine: FakeStepEngine = engine_of(ctx)
    engine.cancel_at_checkpoint = 4  # before the policy, before the attempt, at the first text, at the second

    with pytest.raises(TaskCancelled):
        model_call(ctx, Journal(ctx), REQUEST)

    row = ModelCall.objects.get()
    assert (row.outcome, row.is_estimate) == ("TASK_CANCELLED", True)
    assert row.completion_tokens > 0
    spent = budget_states(tenant_id=principal.tenant_id, refs=ctx.budgets)[0]
    assert spent.spent_tokens == row.prompt_tokens + row.completion_tokens


def test_keys_are_sealed_rotated_and_nowhere_to_be_seen(
    principal: Principal, provider: FaultProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = ["sk-first-secret-1111", "sk-second-secret-2222"]
    for number, secret in enumerate(secrets):
        provider_key_save(tenant_id=principal.tenant_id, provider="near", name=f"k{number}", secret=secret)
    add(principal, provider, "m1")
    tier(principal, "m1")
    provider.will(Fault(key=secrets[0], status=401, message=f"bad key {secrets[0]}"))
    ctx = step_of(principal)
    journal = Journal(ctx)
    for _ in range(4):
        model_call(ctx, journal, REQUEST)

    assert {call.key for call in provider.calls} == set(secrets), "both keys are used"
    seen = json.dumps(
        [
            [event.payload for event in engine_of(ctx).events],
            list(JournalEntry.objects.values("request", "response", "error")),
            list(ModelCall.objects.values("key_id", "outcome", "model")),
            list(AuditEntry.objects.values("resource", "reason")),
            list(ProviderKey.objects.values("sealed", "name")),
            caplog.text,
        ],
        default=str,
    )
    assert not [secret for secret in secrets if secret in seen]
    assert ProviderKey.objects.get(name="k0").ending == "1111"


def test_a_tenants_own_keys_are_its_alone(principal: Principal, stranger: Principal, provider: FaultProvider) -> None:
    provider_key_save(tenant_id=principal.tenant_id, provider="near", name="own", secret="sk-of-acme-only")
    provider_key_save(tenant_id=None, provider="near", name="all", secret="sk-of-everyone")
    add(None, provider, "m1")
    for who in (principal, stranger):
        tier(who, "m1")
        ctx = step_of(who)
        model_call(ctx, Journal(ctx), REQUEST)

    assert [call.key for call in provider.calls] == ["sk-of-acme-only", "sk-of-everyone"]


def test_the_write_of_a_call_costs_one_query_more_than_the_call_without(
    principal: Principal, provider: FaultProvider, django_assert_num_queries: Any, settings: Settings
) -> None:
    settings.SHANNON_POLICY_RECHECK_SECONDS = 600.0
    ctx = step_of(principal)
    journal = Journal(ctx)
    model_call(ctx, journal, REQUEST)
    with django_assert_num_queries(9):  # savepoint, entry, reserve, release; savepoint, entry, settle, row, release
        model_call(ctx, journal, REQUEST)


@pytest.fixture
def staff(db: None) -> Client:
    """Somebody who may do everything in the admin."""
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="x"))
    return client


def test_admin_keeps_what_holds_and_says_what_does_not(staff: Client, principal: Principal) -> None:
    fields = {"tenant": str(principal.tenant_id), "tier": "small", "select": "order", "hedge_after_seconds": ""}

    refused = staff.post("/admin/agents/tieroverride/add/", {**fields, "candidates": '["ghost"]'})
    assert b"ghost" in refused.content
    assert not TierOverride.objects.exists()
    kept = staff.post("/admin/agents/tieroverride/add/", {**fields, "candidates": '["offline/large"]'})

    assert kept.status_code == 302
    assert models_of(principal.tenant_id).catalogue.tiers["small"].candidates == ("offline/large",)


def test_admin_takes_a_key_and_never_shows_it(staff: Client, principal: Principal) -> None:
    fields = {
        "tenant": str(principal.tenant_id),
        "provider": "openai",
        "name": "main",
        "api_base": "",
        "is_active": "on",
    }
    assert staff.post("/admin/agents/providerkey/add/", {**fields, "secret": ""}).status_code == 200
    assert staff.post("/admin/agents/providerkey/add/", {**fields, "secret": "sk-very-secret"}).status_code == 302
    row = ProviderKey.objects.get()

    page = staff.get(f"/admin/agents/providerkey/{row.pk}/change/").content
    changed = staff.post(f"/admin/agents/providerkey/{row.pk}/change/", {**fields, "secret": "", "is_active": ""})

    assert b"sk-very-secret" not in page
    assert row.sealed.encode() not in page
    assert changed.status_code == 302
    again = ProviderKey.objects.get()
    assert (again.sealed, again.is_active) == (row.sealed, False)


def test_calls_are_read_only_in_the_admin(staff: Client, principal: Principal) -> None:
    ctx = step_of(principal)
    model_call(ctx, Journal(ctx), REQUEST)
    row = ModelCall.objects.get()

    assert staff.get("/admin/agents/modelcall/").status_code == 200
    assert b"offline/medium" in staff.get(f"/admin/agents/modelcall/{row.pk}/change/").content
    assert staff.get("/admin/agents/modelcall/add/").status_code == 403
    assert staff.post(f"/admin/agents/modelcall/{row.pk}/change/", {}).status_code == 403


def test_a_hedge_over_http_is_told_once_and_both_are_paid(principal: Principal, provider: FaultProvider) -> None:
    add(principal, provider, "m1")
    add(principal, provider, "m2")
    tier(principal, "m1", "m2", hedge_after_seconds=0.2)
    provider.will(Fault(model="m1", first_token_seconds=5.0))
    ctx = step_of(principal)

    reply = model_call(ctx, Journal(ctx), REQUEST)

    assert reply.model == "m2"
    assert "".join(engine_of(ctx).deltas) == reply.text
    lost, won = ModelCall.objects.order_by("attempt")
    assert (lost.outcome, lost.is_estimate, won.outcome, won.fallback_reason) == ("HEDGE_LOST", True, "ok", "hedge")
    spent = budget_states(tenant_id=principal.tenant_id, refs=ctx.budgets)[0]
    assert spent.spent_tokens == sum(row.prompt_tokens + row.completion_tokens for row in (lost, won))
    assert spent.spent_tokens > reply.prompt_tokens + reply.completion_tokens


@pytest.mark.parametrize("name", ["oobabooga/http://127.0.0.1:1/x", "openai/nobody-allowed-this"])
def test_a_model_that_nobody_allowed_is_refused_before_it_is_work(principal: Principal, name: str) -> None:
    with pytest.raises(ModelUnknown, match="offline/small") as caught:
        model_override_check(tenant_id=principal.tenant_id, override=name)
    assert caught.value.http_status == 400
    model_override_check(tenant_id=principal.tenant_id, override="offline/small")


def test_a_tenant_is_shown_its_own_models_and_no_denied_or_foreign_ones(
    principal: Principal, stranger: Principal, provider: FaultProvider
) -> None:
    add(principal, provider, "m1")
    gateway_row_save(row=ModelRules(tenant_id=principal.tenant_id, denied=["offline/small"]))

    assert {"m1", "offline/medium"} <= set(catalogue_of(principal.tenant_id).known())
    assert "offline/small" not in catalogue_of(principal.tenant_id).known()
    assert "m1" not in catalogue_of(stranger.tenant_id).known()


def test_a_tier_of_which_every_model_is_denied_serves_nobody(principal: Principal) -> None:
    gateway_row_save(row=ModelRules(tenant_id=principal.tenant_id, denied=["offline/small"]))

    assert catalogue_of(principal.tenant_id).usable("small") == ()
    names = [name for name, _, _ in models_listed(principal.tenant_id)]
    assert "small" not in names
    assert "medium" in names
