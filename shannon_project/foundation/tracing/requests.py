"""One span for each HTTP request: the beginning of a trace, or a client's going on."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from django.http import HttpRequest

from shannon_project.foundation.tracing import SpanKind, span, span_now, traceparent, tracing_is_on

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]  # scope, receive, send: servers and Django type them differently

_HEADER: Final = b"traceparent"
_UNTRACED: Final = frozenset({"/health", "/readiness", "/metrics"})  # asked every few seconds, by machines


def requests_traced(app: App) -> App:
    """Return the ASGI application with a span around each request; where traces are off, itself.

    A client's W3C `traceparent` is gone on with; each answer has one, which names the request's span.
    """
    if not tracing_is_on():
        return app

    async def traced(scope: Message, receive: Callable[[], Awaitable[Message]], send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _UNTRACED:
            await app(scope, receive, send)
            return
        parent = next((value.decode("latin-1") for name, value in scope["headers"] if name == _HEADER), "")
        # The query is left out: a browser's key may be in it.
        attributes = {"http.request.method": scope["method"], "url.path": scope["path"]}
        with span(scope["method"], attributes, kind=SpanKind.SERVER, parent=parent) as request:
            own = traceparent().encode()

            async def answer(message: Message) -> None:
                if message["type"] == "http.response.start":
                    request.note({"http.response.status_code": message["status"]})
                    if message["status"] >= 500:
                        request.failed(str(message["status"]))
                    message["headers"] = [*message.get("headers", ()), (_HEADER, own)]
                await send(message)

            await app(scope, receive, answer)

    return traced


def request_route_note(request: HttpRequest) -> None:
    """Name the request's span after its route, which is known when it was found."""
    if tracing_is_on() and request.resolver_match is not None:
        route = "/" + request.resolver_match.route.lstrip("/")
        now = span_now()
        now.rename(f"{request.method} {route}")
        now.note({"http.route": route})
