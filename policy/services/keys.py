"""API keys: issue, revoke, authenticate.

A key is `sk_` and 43 url-safe characters: 256 random bits. That cannot be guessed, so a plain SHA-256 is enough (slow
hashes are for words that people choose), and the lookup by hash in a unique index takes the place of a constant-time
comparison: whoever measures times learns about hashes that they cannot choose.
"""

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from policy.errors import ApiKeyExpired, ApiKeyInvalid, ScopeUnknown, TenantInactive
from policy.metrics import KEYS_REFUSED
from policy.models import ApiKey, AuditEntry, Tenant
from policy.services.audit import audit_record
from policy.services.rate_limits import RateState, request_admit
from policy.services.registry import registry_told
from policy.types import SCOPES, AuditOutcome, Principal
from shannon_project.foundation.database import prepared_cursor
from shannon_project.foundation.errors import ShannonError

KEY_PREFIX = "sk_"
_RANDOM_BYTES = 32
_SHOWN_CHARS = 10
_KEY_MAX_CHARS = 128
_AUTHENTICATE = "key.authenticate"


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key. The plaintext exists only here: it is not stored and cannot be shown again."""

    plaintext: str
    row: ApiKey


_KEY: Final = """
    SELECT k.id, k.tenant_id, k.name, k.user_id, k.prefix, k.scopes::text, k.roles::text, k.expires_at,
        k.revoked_at, k.last_used_at, t.is_active, t.requests_per_minute, coalesce(r.generation, 0)
    FROM policy_apikey k JOIN policy_tenant t ON t.id = k.tenant_id
        LEFT JOIN policy_registrygeneration r ON r.tenant_id = k.tenant_id
"""
_KEY_BY: Final = {"id": f"{_KEY} WHERE k.id = %s", "key_hash": f"{_KEY} WHERE k.key_hash = %s"}


@dataclass(frozen=True, slots=True)
class _KeyRow:
    """What a request needs to know of its key and of the key's tenant."""

    id: UUID
    tenant_id: UUID
    name: str
    user_id: str
    prefix: str
    scopes: Sequence[str]
    roles: Sequence[str]
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    is_tenant_active: bool
    tenant_requests_per_minute: int | None
    registry_generation: int

    @classmethod
    def of(cls, column: Literal["id", "key_hash"], value: str) -> "_KeyRow | None":
        """Read it. Every request does, so it is plain SQL: building the query by the ORM takes four times as long.

        Along with it comes how far what the tenant registered has come.
        """
        with prepared_cursor() as cursor:
            cursor.execute(_KEY_BY[column], [value])
            row = cursor.fetchone()
        if row is None:
            return None
        found = dict(zip((field.name for field in fields(cls)), row, strict=True))
        key = cls(**found | {name: json.loads(found[name]) for name in ("scopes", "roles")})
        registry_told(key.tenant_id, key.registry_generation)
        return key


def api_key_issue(
    *,
    tenant: Tenant,
    name: str,
    user_id: str,
    scopes: Sequence[str],
    roles: Sequence[str] = (),
    expires_at: datetime | None = None,
    issued_by: str = "system",
) -> IssuedKey:
    """Issue a key and record that in the audit log.

    Args:
        tenant: Whose key it is.
        name: What it is for.
        user_id: The tenant's own name for who uses it.
        scopes: Keys of `SCOPES`.
        roles: The tenant's own words, for policies.
        expires_at: Aware time after which it is refused; None for never.
        issued_by: `user:<name>` of who issued it.

    Raises:
        ScopeUnknown: The caller's fault.
    """
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        message = f"There is no scope {', '.join(unknown)}."
        raise ScopeUnknown(message, details={"unknown": unknown, "known": sorted(SCOPES)})
    plaintext = KEY_PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    row = ApiKey.objects.create(
        tenant=tenant,
        name=name,
        user_id=user_id,
        prefix=plaintext[:_SHOWN_CHARS],
        key_hash=_hash(plaintext),
        scopes=sorted(set(scopes)),
        roles=sorted(set(roles)),
        expires_at=expires_at,
    )
    _record_change(row, "key.issue", issued_by)
    return IssuedKey(plaintext, row)


def api_key_revoke(*, api_key: ApiKey, revoked_by: str = "system") -> bool:
    """Refuse the key from now on. Returns False when it was already revoked."""
    changed = ApiKey.objects.filter(pk=api_key.pk, revoked_at=None).update(revoked_at=datetime.now(UTC))
    if changed:
        _record_change(api_key, "key.revoke", revoked_by)
    return bool(changed)


def principal_authenticate(*, api_key: str) -> Principal:
    """Return who a key stands for. One query; a second one at most once a minute per key, for `last_used_at`.

    Raises:
        ApiKeyInvalid: Unknown, malformed or revoked.
        ApiKeyExpired: It was valid once.
        TenantInactive: Its tenant is switched off.
    """
    return _principal_of(_valid_row(api_key))


def request_authenticate(*, api_key: str) -> tuple[Principal, RateState | None]:
    """Return who makes a request, and where the limits of requests stand after it; None: nothing is counted.

    Raises:
        ApiKeyInvalid, ApiKeyExpired, TenantInactive: See `principal_authenticate`; such a request is not counted.
        RateLimited: The key or its tenant has made too many requests.
    """
    row = _valid_row(api_key)
    rate = request_admit(tenant_id=row.tenant_id, api_key_id=row.id, tenant_limit=row.tenant_requests_per_minute)
    return _principal_of(row), rate


def principal_renew(principal: Principal) -> Principal:
    """Return what a principal that was written down may do now: its key's scopes and roles as they are today.

    For work that begins long after it was asked for. One query.

    Raises:
        ApiKeyInvalid: Its key was revoked.
        ApiKeyExpired: Its key is past its time.
        TenantInactive: Its tenant is switched off.
    """
    if principal.api_key_id is None:
        if not Tenant.objects.filter(id=principal.tenant_id, is_active=True).exists():
            raise TenantInactive
        return principal
    return _principal_of(_checked(_KeyRow.of("id", str(principal.api_key_id))))


def _valid_row(api_key: str) -> "_KeyRow":
    if not api_key.startswith(KEY_PREFIX) or len(api_key) > _KEY_MAX_CHARS:
        raise _refused(ApiKeyInvalid(), None)
    row = _checked(_KeyRow.of("key_hash", _hash(api_key)))
    _touch(row, datetime.now(UTC))
    return row


def _checked(row: "_KeyRow | None") -> "_KeyRow":
    if row is None:
        raise _refused(ApiKeyInvalid(), None)
    if row.revoked_at is not None:
        raise _refused(ApiKeyInvalid(), row)
    if row.expires_at is not None and row.expires_at <= datetime.now(UTC):
        raise _refused(ApiKeyExpired(details={"expired_at": row.expires_at.isoformat()}), row)
    if not row.is_tenant_active:
        raise _refused(TenantInactive(), row)
    return row


def _principal_of(row: "_KeyRow") -> Principal:
    return Principal(
        tenant_id=row.tenant_id,
        actor=f"key:{row.name}",
        user_id=row.user_id,
        scopes=frozenset(row.scopes),
        roles=frozenset(row.roles),
        api_key_id=row.id,
    )


def _touch(row: "_KeyRow", now: datetime) -> None:
    """Note the use, by compare-and-set: of many requests in the same minute, one writes."""
    stale = now - timedelta(seconds=settings.SHANNON_API_KEY_LAST_USED_SECONDS)
    if row.last_used_at is None or row.last_used_at < stale:
        unused_since = Q(last_used_at=None) | Q(last_used_at__lt=stale)
        ApiKey.objects.filter(unused_since, pk=row.id).update(last_used_at=now)


def _refused(error: ShannonError, row: "_KeyRow | None") -> ShannonError:
    """Count the refusal, and record it where the tenant is known."""
    KEYS_REFUSED.labels(code=error.code).inc()
    if row is not None and not _was_recorded(row, error.code):
        audit_record(
            tenant_id=row.tenant_id,
            actor=f"key:{row.name}",
            action=_AUTHENTICATE,
            outcome=AuditOutcome.DENIED,
            rule=error.code,
            reason="The key was revoked." if row.revoked_at is not None else error.message,
            resource={"api_key_id": str(row.id), "prefix": row.prefix},
        )
    return error


def _was_recorded(row: "_KeyRow", code: str) -> bool:
    """Tell whether the log has this refusal already: a client that goes on with a dead key must not fill the table."""
    since = datetime.now(UTC) - timedelta(seconds=settings.SHANNON_API_KEY_LAST_USED_SECONDS)
    recent = AuditEntry.objects.filter(tenant_id=row.tenant_id, created_at__gt=since)
    return recent.filter(action=_AUTHENTICATE, rule=code, resource__api_key_id=str(row.id)).exists()


def _record_change(row: ApiKey, action: str, actor: str) -> None:
    audit_record(
        tenant_id=row.tenant_id,
        actor=actor,
        action=action,
        outcome=AuditOutcome.CHANGED,
        reason=row.name,
        resource={"api_key_id": str(row.id), "prefix": row.prefix, "scopes": row.scopes, "roles": row.roles},
    )


def _hash(plaintext: str) -> str:
    return hashlib.sha256(plaintext.encode("utf-8", "replace")).hexdigest()
