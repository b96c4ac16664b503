"""What stands before everything that is served beside Django: the host is checked, and whose key it is."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from orchestration.errors import HostNotAllowed
from policy.errors import ApiKeyMissing
from policy.services import RateState, principal_authenticate, request_authenticate
from policy.types import Principal

Scope = dict[str, Any]


def headers_of(scope: Scope) -> dict[str, str]:
    """Return the headers of an ASGI scope under lower-case names; of one that came twice, the last."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def headers_encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return headers as ASGI has them."""
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def host_check(host: str) -> None:
    """Refuse a request for another host: a page in a browser could have been led here by a changed name.

    Raises:
        HostNotAllowed: It is none of `ALLOWED_HOSTS`.
    """
    allowed = settings.ALLOWED_HOSTS or (["localhost", "127.0.0.1", "[::1]"] if settings.DEBUG else [])
    if not validate_host(split_domain_port(host)[0], allowed):
        raise HostNotAllowed(details={"host": host[:200]})


def caller_of(headers: Mapping[str, str], *, key: str = "") -> tuple[Principal, RateState | None]:
    """Return who asks, and where the limits of requests stand now. Asks the database.

    Args:
        headers: As `headers_of` gives them.
        key: A key that came otherwise; one in a header goes before.

    Raises:
        ApiKeyMissing, ApiKeyInvalid, ApiKeyExpired, TenantInactive, RateLimited: As for any request.
    """
    return request_authenticate(api_key=_key_of(headers, key))


def stranger_refuse(headers: Mapping[str, str]) -> None:
    """Refuse whoever has no valid key, without counting a request. Asks the database.

    Raises:
        ApiKeyMissing, ApiKeyInvalid, ApiKeyExpired, TenantInactive: As for any request.
    """
    principal_authenticate(api_key=_key_of(headers))


def _key_of(headers: Mapping[str, str], otherwise: str = "") -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    sent = headers.get("x-api-key", "").strip() or bearer or otherwise
    if not sent:
        raise ApiKeyMissing
    return sent
