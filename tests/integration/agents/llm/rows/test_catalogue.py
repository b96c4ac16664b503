"""What tenants change of the catalogue, and who sees it."""

from decimal import Decimal

import pytest
from pytest_django import Settings

from agents.journal import Journal
from agents.llm.administration import gateway_row_delete, gateway_row_save
from agents.llm.calls import model_call
from agents.llm.catalogues import models_of
from agents.llm.types import ModelRequest
from agents.models import ModelCall, ModelOverride, ModelRules, TierOverride
from agents.selectors import catalogue_of
from agents.services import model_override_check
from orchestration.api.openai.names import models_listed
from policy.models import AuditEntry, Tenant
from policy.services import tenant_limits_set
from policy.types import Principal, TenantLimits
from shannon_project.config.catalogue import CatalogueInvalid, ModelUnknown
from tests.integration.agents.llm.rows.registering import REQUEST, add, provider, tier
from tests.integration.agents.llm.serving import server
from tests.integration.agents.steps import step_of
from tests.provider import FaultProvider

__all__ = ["provider", "server"]
pytestmark = pytest.mark.django_db


def test_a_tenants_weight_at_models_is_the_one_that_it_has_now(principal: Principal, settings: Settings) -> None:
    settings.SHANNON_POLICY_RECHECK_SECONDS = 0.0
    tenant = Tenant.objects.get(pk=principal.tenant_id)
    before = models_of(tenant.id).weight

    tenant_limits_set(tenant=tenant, limits=TenantLimits(weight=7))

    assert (before, models_of(tenant.id).weight) == (1, 7)


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
