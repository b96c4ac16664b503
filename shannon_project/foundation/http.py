"""The edge of HTTP: request ids and the one error envelope."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import uuid4

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from rest_framework import exceptions as drf
from rest_framework.response import Response

from shannon_project.foundation.errors import ShannonError
from shannon_project.foundation.tracing.requests import request_route_note

_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{1,64}$")
RETRY_AFTER_SECONDS = "2"
_ANSWER_HEADERS = "shannon.answer_headers"
_POLICY = "Content-Security-Policy"
# For pages without a policy of their own, the admin's: scripts stand in them, and Alpine evaluates expressions.
PAGES_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
log = structlog.get_logger(__name__)


class RequestIdMiddleware:
    """Give every request an id (the caller's `X-Request-ID` when it is sane) and send it back; pages get a policy."""

    async_capable = True
    sync_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._acall(request)
        self._begin(request)
        response: HttpResponseBase = self.get_response(request)
        return self._end(request, response)

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        self._begin(request)
        return self._end(request, await self.get_response(request))

    def _begin(self, request: HttpRequest) -> None:
        request.META["shannon.request_id"] = request_id_given(request.headers.get("X-Request-ID", ""))

    def _end(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        request_route_note(request)
        response["X-Request-ID"] = request.META["shannon.request_id"]
        if _POLICY not in response and response.get("Content-Type", "").startswith("text/html"):
            response[_POLICY] = PAGES_POLICY
        for name, value in request.META.get(_ANSWER_HEADERS, {}).items():
            response[name] = value
        return response


def request_id_given(asked: str) -> str:
    """Return the id that a caller gave its request when it is sane, or a new one."""
    return asked if _REQUEST_ID.match(asked) else uuid4().hex


def answer_headers_add(request: HttpRequest, headers: Mapping[str, str]) -> None:
    """Have headers put on whatever answers the request, an error too."""
    request.META.setdefault(_ANSWER_HEADERS, {}).update(headers)


def request_id_of(request: HttpRequest | None) -> str:
    """Return the id that `RequestIdMiddleware` gave the request, or an empty string outside of one."""
    return str(request.META.get("shannon.request_id", "")) if request is not None else ""


def envelope(code: str, message: str, details: dict[str, Any], request_id: str) -> dict[str, Any]:
    """Return the body of every error: `{"error": {"code", "message", "details", "request_id"}}`."""
    return {"error": {"code": code, "message": message, "details": details, "request_id": request_id}}


def error_response(request: HttpRequest | None, error: ShannonError) -> JsonResponse:
    """Answer with an error outside of DRF (async views)."""
    body = envelope(error.code, error.message, error.details, request_id_of(request))
    response = JsonResponse(body, status=error.http_status)
    if error.http_status in (429, 503):
        response["Retry-After"] = str(error.details.get("retry_after_seconds", RETRY_AFTER_SECONDS))
    return response


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every error that a client sees is one envelope.

    Returns None for errors that nobody expected, so that Django logs them and answers 500.
    """
    request = context.get("request")
    status, code, message, details = described(exc)
    if status == 0:
        return None
    if isinstance(exc, drf.UnsupportedMediaType) and request is not None:
        details = {"media_types": [parser.media_type for parser in request.parsers]}
        message = f"{message} Send {' or '.join(details['media_types'])}."
    response = Response(envelope(code, message, details, request_id_of(request)), status=status)
    if status in (429, 503):
        response["Retry-After"] = str(details.get("retry_after_seconds", RETRY_AFTER_SECONDS))
    if status == 401:
        response["WWW-Authenticate"] = 'ApiKey realm="api"'
    return response


_DJANGO_ERRORS: dict[type[Exception], tuple[int, str, str, dict[str, Any]]] = {
    Http404: (404, "NOT_FOUND", "There is no such thing.", {}),
    PermissionDenied: (403, "PERMISSION_DENIED", "This is not allowed.", {}),
}


def described(exc: Exception) -> tuple[int, str, str, dict[str, Any]]:
    """Return the status, code, message and details of an error; status 0 when it is not one we know."""
    if isinstance(exc, ShannonError):
        return exc.http_status, exc.code, exc.message, exc.details
    if isinstance(exc, drf.ValidationError):
        return 400, "INVALID_INPUT", _first_message(exc.detail), {"fields": exc.detail}
    if isinstance(exc, drf.APIException):
        code = str(exc.default_code).upper()
        return exc.status_code, code, str(exc.detail), {}
    if isinstance(exc, Http404 | PermissionDenied):
        return _DJANGO_ERRORS[type(exc)]
    if isinstance(exc, OperationalError | InterfaceError):
        log.warning("database_unavailable", error=str(exc))
        return 503, "UNAVAILABLE", "The database does not answer; try again.", {}
    return 0, "", "", {}


def _first_message(detail: Any, path: str = "") -> str:
    """Return `field: message` of the first error in a DRF detail (a dict, a list or a string)."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            inner = path if key == "non_field_errors" else f"{path}.{key}".lstrip(".")
            return _first_message(value, inner)
    if isinstance(detail, list) and detail:
        return _first_message(detail[0], path)
    return f"{path}: {detail}" if path else str(detail)


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Django's handler400: a host that is not served, a body that is not what its headers say."""
    details = {"reason": type(exception).__name__}
    return JsonResponse(
        envelope(
            "BAD_REQUEST", "The request is malformed, or its host is not served here.", details, request_id_of(request)
        ),
        status=400,
    )


def server_error(request: HttpRequest) -> JsonResponse:
    """Django's handler500."""
    message = "Something went wrong inside the platform; the log has it under this request id."
    return JsonResponse(envelope("INTERNAL", message, {}, request_id_of(request)), status=500)


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:  # noqa: ARG001 - Django passes it
    """Django's handler404."""
    return JsonResponse(
        envelope("NOT_FOUND", "There is no such page.", {"path": request.path}, request_id_of(request)), status=404
    )
