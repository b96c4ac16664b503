"""Django behind ASGI: a request whose view is no coroutine goes to a thread once, and comes back with its answer.

Django's own handler goes to a thread and back for the signal at a request's beginning, for the middleware, for the view
inside of it, and for the signal at the end; and it makes a new thread for each request, with new connections to all
that a thread has one of. Each such change costs as much as a query.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import IO, Any, Final

from asgiref.sync import ThreadSensitiveContext, iscoroutinefunction, sync_to_async
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.db import connection
from django.http import FileResponse, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, ResolverMatch, resolve, set_script_prefix

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

THREADS: Final = 200  # made when they are needed; more requests than that wait for one


class OneThreadHandler(ASGIHandler):
    """Django's handler for requests to coroutines; of other requests it does all that is to be done in one thread."""

    def __init__(self) -> None:
        """Load the middleware twice: once for views that are coroutines, as Django does, once for all others."""
        super().__init__()
        self._in_thread = _ThreadSide()
        self._in_thread.load_middleware(is_async=False)
        self._pool = ThreadPoolExecutor(THREADS, "request")

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Serve one request."""
        match = _match(scope)
        if match is not None and iscoroutinefunction(match.func):
            await super().__call__(scope, receive, send)
            return
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        loop = asyncio.get_running_loop()
        try:
            answering = partial(copy_context().run, self._respond, scope, body, match)
            response = await loop.run_in_executor(self._pool, answering)
        finally:
            body.close()
        if response.streaming:
            await self._stream(response, receive, send)
        else:
            await self.send_response(response, send)

    def _respond(self, scope: Any, body: IO[bytes], match: ResolverMatch | None) -> Any:
        """Return the answer to a request. One that is whole is closed here too; its content stays."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=type(self), scope=scope)
        made: Any = self.create_request(scope, body)
        request, response = made
        if request is not None:
            request.resolver_match = match
            response = self._in_thread.get_response(request)
        response._handler_class = type(self)
        if isinstance(response, FileResponse):
            response.block_size = self.chunk_size
        if response.streaming:
            connection.close()  # it may be watched for hours
        else:
            response.close()
        return response

    async def _stream(self, response: HttpResponseBase, receive: Receive, send: Send) -> None:
        """Send an answer piece by piece, until it is through or its reader is gone."""
        async with ThreadSensitiveContext():
            tasks = [
                asyncio.create_task(self.listen_for_disconnect(receive)),
                asyncio.create_task(self.send_response(response, send)),
            ]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                ends = await asyncio.gather(*tasks, return_exceptions=True)
                await sync_to_async(response.close)()
        for end in ends:
            if end is not None and not isinstance(end, asyncio.CancelledError | RequestAborted):
                raise end


class _ThreadSide(BaseHandler):
    """The middleware and the view, as one call."""

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """Return the view of a request, which was looked for already."""
        match = request.resolver_match
        return match if match is not None else super().resolve_request(request)


def _match(scope: Any) -> ResolverMatch | None:
    """Return the view at a path; None: there is none, or it is for Django to say what is wrong."""
    prefix, path = get_script_prefix(scope).rstrip("/"), scope["path"]
    with suppress(Resolver404):
        return resolve(path.removeprefix(prefix))
    return None
