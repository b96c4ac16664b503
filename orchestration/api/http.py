"""How a body is read and an answer is written: strictly, and always as JSON."""

import re
from collections.abc import Iterable, Mapping
from typing import IO, Any, Final
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from shannon_project.foundation.bodies import BodyTooLarge
from shannon_project.foundation.errors import InvalidInput, ShannonError

_IDEMPOTENCY_KEY: Final = re.compile(r"^[\x21-\x7e]{1,255}\Z")
_UUID: Final = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)


class RangeNotSatisfiable(ShannonError):
    """The range begins behind the file's end; `details.size_bytes` is how long it is."""

    code = "RANGE_NOT_SATISFIABLE"
    http_status = 416


class StrictJSONParser(JSONParser):
    """JSON as RFC 8259 has it; nesting that Python cannot follow is the caller's mistake, not ours."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the body's value.

        Raises:
            ParseError: The body is not JSON, or is nested too deeply (the caller's fault).
        """
        try:
            value: dict[str, Any] = super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError("The body is nested too deeply.") from error
        return value


class OneRendererNegotiation(DefaultContentNegotiation):
    """Every endpoint answers in one format, whatever `Accept` says, so an error is never a bare 406."""

    def select_renderer(
        self,
        request: Request | HttpRequest,  # noqa: ARG002 - what it accepts does not matter
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,  # noqa: ARG002 - nor do suffixes
    ) -> tuple[BaseRenderer, str]:
        """Return the endpoint's first renderer and its media type."""
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


def body_measure(request: HttpRequest) -> None:
    """Refuse a body that is too large, and read one that came in chunks: without a length, DRF would call it empty.

    Raises:
        BodyTooLarge: It is larger than any body may be (the caller's fault).
    """
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
    is_chunked = "Transfer-Encoding" in request.headers and "Content-Length" not in request.headers
    if is_chunked:
        request._body = request.read(limit + 1)
        request.META["CONTENT_LENGTH"] = str(len(request.body))
    if int(request.META.get("CONTENT_LENGTH") or 0) > limit:
        raise BodyTooLarge(details={"max_bytes": limit})


def idempotency_key_of(request: Request) -> str | None:
    """Return the `Idempotency-Key` header, or None when there is none.

    Raises:
        InvalidInput: It is empty, too long, or not printable ASCII (the caller's fault).
    """
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _IDEMPOTENCY_KEY.match(key):
        raise InvalidInput("The header Idempotency-Key must be 1 to 255 printable ASCII characters.")
    return key


def uuid_of(text: str) -> UUID | None:
    """Return the id that the text is in its usual form (36 characters), or None."""
    return UUID(text) if _UUID.match(text) else None
