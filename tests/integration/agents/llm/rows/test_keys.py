"""Keys of providers: sealed, in turn, and each tenant's own."""

import json
import logging

import pytest

from agents.journal import Journal
from agents.llm.administration import provider_key_save
from agents.llm.calls import model_call
from agents.models import JournalEntry, ModelCall, ProviderKey
from policy.models import AuditEntry
from policy.types import Principal
from tests.integration.agents.llm.rows.registering import REQUEST, add, provider, tier
from tests.integration.agents.llm.serving import server
from tests.integration.agents.steps import engine_of, step_of
from tests.provider import Fault, FaultProvider

__all__ = ["provider", "server"]
pytestmark = pytest.mark.django_db


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
