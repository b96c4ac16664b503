"""The base of every endpoint: a principal, a strict query string, and (for answers that wait) an async variant."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, ParamSpec, TypeVar
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.views import APIView

from agents.types import Insert
from orchestration.api.http import idempotency_key_of
from orchestration.api.serializers.base import NoQuery, StrictSerializer
from orchestration.creating import created_once
from policy.types import Principal
from shannon_project.foundation.database import connection_release
from shannon_project.foundation.errors import NotFound

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that asks the database, and give its connection back at once.

    Django would keep it until the answer is sent, which for a stream is as long as somebody watches.
    """

    def call() -> T:
        try:
            return function(*args, **kwargs)
        finally:
            connection_release()

    return await sync_to_async(call)()


class Endpoint(APIView):
    """A DRF view that states per method which scope it needs and which query string it takes."""

    required_scopes: ClassVar[Mapping[str, str]] = {}
    queries: ClassVar[Mapping[str, type[StrictSerializer]]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, check the scope, then read the query string.

        Raises:
            NotFound: A name in the path holds a NUL, which nothing that is kept has in its name. (Of a file's path the
                workspace's jail says so.)
        """
        super().initial(request, *args, **kwargs)
        if any("\0" in name for key, name in kwargs.items() if key != "path"):
            raise NotFound("Nothing has a name with a NUL in it.")
        self.query = self.queries.get("GET" if request.method == "HEAD" else request.method or "", NoQuery).of_query(
            request
        )

    def once(
        self, endpoint: str, body: StrictSerializer, *, create: Callable[[Insert], T], find: Callable[[UUID], T]
    ) -> T:
        """Make something, or return what an earlier request with the same key made: see `created_once`."""
        return created_once(
            principal=self.principal,
            endpoint=endpoint,
            key=idempotency_key_of(self.request),
            body=body.validated_data,
            create=create,
            find=find,
        )

    @property
    def principal(self) -> Principal:
        """Who asks."""
        principal: Principal = self.request.auth  # type: ignore[assignment]
        return principal


class AsyncEndpoint(Endpoint):
    """An endpoint whose handlers are coroutines: it waits for a task without holding a thread."""

    http_method_names = ["get", "post"]  # DRF's own handler of OPTIONS is no coroutine

    async def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        """Check the request in a thread (it asks the database), then await the handler."""
        self.args, self.kwargs = args, kwargs
        self.request = drf_request = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        try:
            await in_thread(self.initial, drf_request, *args, **kwargs)
            name = str(drf_request.method).lower()
            known = name in self.http_method_names
            refuse: Any = self.http_method_not_allowed
            handler = getattr(self, name, refuse) if known else refuse
            response = await handler(drf_request, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - DRF's own edge: what its handler does not know is raised again
            response = self.handle_exception(error)
        return self.finalize_response(drf_request, response, *args, **kwargs)
