"""Fetching something from outside, within a size and a time."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpx2
from django.conf import settings

from shannon_project.foundation.outbound.errors import OutboundFailed, OutboundTimeout, OutboundTooLarge
from shannon_project.foundation.outbound.resolve import resolver_in_use
from shannon_project.foundation.outbound.rules import rules_in_use, url_shown
from shannon_project.foundation.outbound.transport import GuardedTransport

_CHUNK_BYTES: Final = 16 * 1024  # read at a time: a compressed bomb unfolds by no more than this between two looks
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_ORIGIN_HEADERS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
_NO_BODY_HEADERS: Final = frozenset({"content-length", "content-type", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class OutboundResponse:
    """What came back. `url` is where the redirects led; `headers` have lower-case names; `content` is uncompressed."""

    url: str
    status: int
    headers: Mapping[str, str]
    content: bytes
    redirects: tuple[str, ...] = ()

    @property
    def media_type(self) -> str:
        """The media type without parameters, lower case; empty when none was said."""
        return self.headers.get("content-type", "").split(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The content as text, by the charset that was said, or UTF-8; what does not fit becomes U+FFFD."""
        headers = {"content-type": self.headers.get("content-type", "")}
        return httpx2.Response(200, headers=headers, content=self.content).text


def guarded_client(
    *,
    timeout_seconds: float,
    headers: Mapping[str, str] | None = None,
    is_plain: bool = False,
    hosts: Collection[str] = (),
) -> httpx2.AsyncClient:
    """Return an httpx2 client that reaches only what the rules let out; it does not follow redirects by itself.

    No answer may have more than `SHANNON_HTTP_MAX_BYTES` on the wire. `is_plain`: nor may it be compressed, for whoever
    reads answers whole, since a few bytes can unfold to gigabytes. `hosts`: it reaches only these and
    their subdomains.
    """
    encodings = "identity" if is_plain else "gzip, deflate"
    return httpx2.AsyncClient(
        transport=GuardedTransport(
            rules_in_use().narrowed(hosts),
            resolver_in_use(),
            max_bytes=settings.SHANNON_HTTP_MAX_BYTES,
            is_plain=is_plain,
        ),
        timeout=timeout_seconds,
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": settings.SHANNON_HTTP_USER_AGENT, "Accept-Encoding": encodings, **(headers or {})},
    )


def fetch(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout_seconds: float | None = None,
    max_bytes: int | None = None,
    hosts: Collection[str] = (),
    origin_headers: Collection[str] = (),
) -> OutboundResponse:
    """Fetch a URL from a thread that has no event loop; see `fetch_async`."""
    return asyncio.run(
        fetch_async(
            url,
            method=method,
            headers=headers,
            body=body,
            timeout_seconds=timeout_seconds,
            max_bytes=max_bytes,
            hosts=hosts,
            origin_headers=origin_headers,
        )
    )


async def fetch_async(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout_seconds: float | None = None,
    max_bytes: int | None = None,
    hosts: Collection[str] = (),
    origin_headers: Collection[str] = (),
) -> OutboundResponse:
    """Fetch a URL; any status is an answer.

    Args:
        url: An http or https URL.
        method: GET, HEAD, POST, PUT, PATCH or DELETE.
        headers: To send along; credentials among them are not sent on to another origin by a redirect.
        body: To send along.
        timeout_seconds: For all of it, names and redirects included; default and most:
            `SHANNON_HTTP_TIMEOUT_SECONDS`.
        max_bytes: Of uncompressed content; default and most: `SHANNON_HTTP_MAX_BYTES`.
        hosts: Host names, with their subdomains, that alone may be reached on the way; empty: what the settings allow.
        origin_headers: Lower-case names of more headers that are not sent on to another origin.

    Raises:
        OutboundRefused: An address on the way may not be reached (the caller's fault).
        OutboundTimeout: It took too long.
        OutboundTooLarge: There was more content than may be read.
        OutboundFailed: The other side could not be reached, broke off, or redirected too often.
    """
    seconds = min(timeout_seconds or settings.SHANNON_HTTP_TIMEOUT_SECONDS, settings.SHANNON_HTTP_TIMEOUT_SECONDS)
    size = min(max_bytes or settings.SHANNON_HTTP_MAX_BYTES, settings.SHANNON_HTTP_MAX_BYTES)
    try:
        async with asyncio.timeout(seconds), guarded_client(timeout_seconds=seconds, hosts=hosts) as client:
            request = httpx2.Request(method, url, headers=headers, content=body)
            return await _follow(client, request, size, _ORIGIN_HEADERS | set(origin_headers))
    except (TimeoutError, httpx2.TimeoutException) as error:
        message = f"{_host_of(url)} did not answer within {seconds:g} s."
        raise OutboundTimeout(message, details={"url": url_shown(url), "timeout_seconds": seconds}) from error
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise OutboundFailed(
            f"{_host_of(url)} could not be reached: {reason}", details={"url": url_shown(url)}
        ) from error


async def _follow(
    client: httpx2.AsyncClient, request: httpx2.Request, max_bytes: int, origin_headers: frozenset[str]
) -> OutboundResponse:
    redirects: list[str] = []
    request.headers = httpx2.Headers({**client.headers, **request.headers})
    while True:
        response = await client.send(request, stream=True)
        try:
            location = response.headers.get("location")
            if response.status_code not in _REDIRECTS or not location:
                return await _read(response, tuple(redirects), max_bytes)
        finally:
            await response.aclose()
        if len(redirects) >= settings.SHANNON_HTTP_MAX_REDIRECTS:
            raise OutboundFailed(
                f"It was redirected more than {settings.SHANNON_HTTP_MAX_REDIRECTS} times.",
                details={"redirects": [url_shown(one) for one in redirects]},
            )
        request = _next_request(request, response.status_code, urljoin(str(request.url), location), origin_headers)
        redirects.append(str(request.url))


def _next_request(
    request: httpx2.Request, status: int, url: str, origin_headers: frozenset[str] = _ORIGIN_HEADERS
) -> httpx2.Request:
    """Return the request that a redirect asks for, as RFC 9110 §15.4 has it, without credentials of another origin."""
    keeps_method = status in {307, 308} or request.method in {"GET", "HEAD"}
    dropped = {"host"} | (set() if keeps_method else _NO_BODY_HEADERS)
    if _origin(str(request.url)) != _origin(url):
        dropped |= origin_headers
    headers = {name: value for name, value in request.headers.items() if name not in dropped}
    return httpx2.Request(
        request.method if keeps_method else "GET",
        url,
        headers=headers,
        content=request.content if keeps_method and request.content else None,
    )


async def _read(response: httpx2.Response, redirects: tuple[str, ...], max_bytes: int) -> OutboundResponse:
    content = bytearray()
    async for chunk in response.aiter_bytes(_CHUNK_BYTES):
        content += chunk
        if len(content) > max_bytes:
            raise OutboundTooLarge(
                f"{response.request.url.host} sent more than {max_bytes} bytes.",
                details={"url": url_shown(str(response.request.url)), "max_bytes": max_bytes},
            )
    return OutboundResponse(
        url=str(response.request.url),
        status=response.status_code,
        headers=dict(response.headers.items()),
        content=bytes(content),
        redirects=redirects,
    )


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or "The address"
    except ValueError:
        return "The address"
