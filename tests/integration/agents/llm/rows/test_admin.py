"""The catalogue, keys and calls in the admin."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.journal import Journal
from agents.llm.calls import model_call
from agents.llm.catalogues import models_of
from agents.models import ModelCall, ProviderKey, TierOverride
from policy.types import Principal
from tests.integration.agents.llm.rows.registering import REQUEST
from tests.integration.agents.steps import step_of

pytestmark = pytest.mark.django_db


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
