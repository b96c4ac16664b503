"""API keys and who they stand for."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from policy.errors import ApiKeyExpired, ApiKeyInvalid, ScopeUnknown, TenantInactive
from policy.models import ApiKey, AuditEntry, Tenant
from policy.services import IssuedKey, api_key_issue, api_key_revoke, principal_authenticate, tenant_switch

pytestmark = pytest.mark.django_db


def issue(tenant: Tenant, expires_at: datetime | None = None) -> IssuedKey:
    return api_key_issue(
        tenant=tenant, name="ci", user_id="ada", scopes=["tasks:read"], roles=["analyst"], expires_at=expires_at
    )


def denials() -> list[tuple[str, str]]:
    return list(AuditEntry.objects.filter(outcome="denied").values_list("action", "rule"))


def test_a_key_stands_for_its_tenant_user_scopes_and_roles(tenant: Tenant) -> None:
    issued = issue(tenant)
    principal = principal_authenticate(api_key=issued.plaintext)
    assert (principal.tenant_id, principal.actor, principal.user_id) == (tenant.id, "key:ci", "ada")
    assert (principal.scopes, principal.roles) == (frozenset({"tasks:read"}), frozenset({"analyst"}))
    assert principal.api_key_id == issued.row.id


def test_the_plaintext_is_long_and_not_stored(tenant: Tenant) -> None:
    issued = issue(tenant)
    assert issued.plaintext.startswith("sk_")
    assert len(issued.plaintext) >= 46
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(k)::text FROM policy_apikey k")
        stored = cursor.fetchone()[0]
    assert issued.plaintext not in stored
    assert issued.plaintext[3:20] not in stored
    assert issued.plaintext.startswith(issued.row.prefix)


@pytest.mark.parametrize("key", ["", "sk_", "sk_nonsense", "pk_" + "a" * 43, "sk_" + "a" * 500, "sk_\x00", "sk_\ud800"])
def test_an_unknown_key_is_refused(tenant: Tenant, key: str) -> None:
    issue(tenant)
    with pytest.raises(ApiKeyInvalid):
        principal_authenticate(api_key=key)


def test_an_expired_key_is_refused_and_recorded(tenant: Tenant) -> None:
    issued = issue(tenant, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(ApiKeyExpired) as refused:
        principal_authenticate(api_key=issued.plaintext)
    assert refused.value.http_status == 401
    assert denials() == [("key.authenticate", "API_KEY_EXPIRED")]


def test_a_revoked_key_is_refused_and_recorded(tenant: Tenant) -> None:
    issued = issue(tenant)
    assert api_key_revoke(api_key=issued.row) is True
    assert api_key_revoke(api_key=issued.row) is False
    with pytest.raises(ApiKeyInvalid):
        principal_authenticate(api_key=issued.plaintext)
    assert denials() == [("key.authenticate", "API_KEY_INVALID")]


def test_a_refused_key_is_recorded_once_a_minute(tenant: Tenant) -> None:
    dead, other = issue(tenant), issue(tenant)
    for issued in (dead, other):
        api_key_revoke(api_key=issued.row)
    for issued in (dead, dead, dead, other):
        with pytest.raises(ApiKeyInvalid):
            principal_authenticate(api_key=issued.plaintext)
    assert denials() == [("key.authenticate", "API_KEY_INVALID")] * 2
    AuditEntry.objects.update(created_at=datetime.now(UTC) - timedelta(seconds=61))
    with pytest.raises(ApiKeyInvalid):
        principal_authenticate(api_key=dead.plaintext)
    assert len(denials()) == 3


def test_keys_of_a_tenant_that_is_switched_off_are_refused(tenant: Tenant) -> None:
    issued = issue(tenant)
    tenant_switch(tenant=tenant, is_active=False)
    with pytest.raises(TenantInactive):
        principal_authenticate(api_key=issued.plaintext)
    assert denials() == [("key.authenticate", "TENANT_INACTIVE")]
    tenant_switch(tenant=tenant, is_active=True)
    principal_authenticate(api_key=issued.plaintext)


def test_authentication_is_one_query_and_one_more_once_a_minute(tenant: Tenant) -> None:
    issued = issue(tenant)
    with CaptureQueriesContext(connection) as first:
        principal_authenticate(api_key=issued.plaintext)
    with CaptureQueriesContext(connection) as second:
        principal_authenticate(api_key=issued.plaintext)
    assert (len(first), len(second)) == (2, 1)
    used = ApiKey.objects.get(pk=issued.row.pk).last_used_at
    assert used is not None
    ApiKey.objects.update(last_used_at=used - timedelta(seconds=61))
    principal_authenticate(api_key=issued.plaintext)
    again = ApiKey.objects.get(pk=issued.row.pk).last_used_at
    assert again is not None
    assert again >= used


def test_an_unknown_scope_is_refused_when_the_key_is_issued(tenant: Tenant) -> None:
    with pytest.raises(ScopeUnknown) as refused:
        api_key_issue(tenant=tenant, name="x", user_id="", scopes=["tasks:raed"])
    assert refused.value.details["unknown"] == ["tasks:raed"]
    assert not ApiKey.objects.exists()
