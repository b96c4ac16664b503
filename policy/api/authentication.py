"""API keys of HTTP requests, for DRF views and for plain Django views."""

from dataclasses import dataclass

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from policy.errors import ApiKeyMissing, RateLimited
from policy.services import request_authenticate
from policy.types import Principal
from shannon_project.foundation.http import answer_headers_add

_BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class ApiUser:
    """`request.user` of a request that came with a valid key."""

    principal: Principal

    @property
    def is_authenticated(self) -> bool:
        """Always true: there is no ApiUser without a key."""
        return True

    @property
    def pk(self) -> str:
        """A stable name, for throttling and logs."""
        return self.principal.actor


class ApiKeyAuthentication(BaseAuthentication):
    """Authenticates by `X-API-Key`, by `Authorization: Bearer sk_…`, or (GET only) by `?api_key=`."""

    def authenticate(self, request: Request) -> tuple[ApiUser, Principal]:
        """Return the user and the principal.

        Raises:
            ApiKeyMissing, ApiKeyInvalid, ApiKeyExpired, TenantInactive: The client's fault; there is no anonymous
            access
                to a view that asks for authentication.
        """
        principal = principal_from_request(request._request)
        return ApiUser(principal), principal

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - DRF's signature
        """Return the challenge of a 401."""
        return 'ApiKey realm="api"'


def principal_from_request(request: HttpRequest) -> Principal:
    """Return who makes a request. Synchronous: async views call it through `sync_to_async`.

    Counts the request; the answer's headers say how many more may follow.

    Raises:
        ApiKeyMissing: No key was sent.
        ApiKeyInvalid, ApiKeyExpired, TenantInactive: A key was sent, and is refused.
        RateLimited: Too many requests were made with it, or by its tenant.
    """
    key = _key_of(request)
    if not key:
        raise ApiKeyMissing
    try:
        principal, rate = request_authenticate(api_key=key)
    except RateLimited as error:
        answer_headers_add(request, error.headers)
        raise
    if rate is not None:
        answer_headers_add(request, rate.headers())
    return principal


def _key_of(request: HttpRequest) -> str:
    if key := request.headers.get("X-API-Key", "").strip():
        return key
    authorization = request.headers.get("Authorization", "")
    if authorization[: len(_BEARER)].lower() == _BEARER:
        return authorization[len(_BEARER) :].strip()
    # An EventSource in a browser cannot set headers. Not for requests that change something: query strings get into
    # logs.
    return request.GET.get("api_key", "").strip() if request.method == "GET" else ""
