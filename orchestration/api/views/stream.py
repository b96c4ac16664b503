"""The event stream of a task."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from asgiref.sync import SyncToAsync
from django.http import JsonResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from orchestration.api.endpoint import Endpoint
from orchestration.api.schema import LAST_EVENT_ID
from orchestration.api.serializers.stream import WorkflowStreamQuery, last_seq_of
from orchestration.api.sse import kinds_wanted, task_frames
from orchestration.api.views.tasks import task_id_of
from orchestration.errors import UpgradeRequired
from orchestration.selectors import task_opening
from shannon_project.foundation.http import error_response


def stream_response(frames: AsyncGenerator[bytes, None]) -> StreamingHttpResponse:
    """Return an event stream that no proxy keeps or delays."""
    headers = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
    return StreamingHttpResponse(_threadless(frames), content_type="text/event-stream", headers=headers)


async def _threadless(frames: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    """Yield the frames without the thread that Django keeps for a request until its answer is sent.

    Thousands of open streams would mean thousands of idle threads. asgiref makes another one when it needs one.
    """
    context = SyncToAsync.thread_sensitive_context.get(None)
    executor = SyncToAsync.context_to_thread_executor.pop(context, None) if context else None
    if executor is not None:
        executor.shutdown(wait=False)
    async with aclosing(frames):
        async for frame in frames:
            yield frame


class StreamView(Endpoint):
    """Server-sent events of one task. All that has to be known before the first of them is found in one thread."""

    required_scopes = {"GET": "tasks:read"}
    queries = {"GET": WorkflowStreamQuery}

    @extend_schema(
        operation_id="stream_sse",
        tags=["stream"],
        parameters=[WorkflowStreamQuery, LAST_EVENT_ID],
        responses={(200, "text/event-stream"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Follow a task: what is stored, then what happens, then `event: done`. Nothing is missed or repeated."""
        task_id = task_id_of(self.query["workflow_id"])
        last_event_id = request.headers.get("Last-Event-ID") or self.query["last_event_id"]
        after_seq = last_seq_of(last_event_id)
        opening = task_opening(principal=self.principal, task_id=task_id, after_seq=after_seq)
        kinds = kinds_wanted(self.query["types"])
        return stream_response(task_frames(opening, after_seq=after_seq, kinds=kinds))


class WebSocketView(Endpoint):
    """What is said to whoever does not open a WebSocket at its address; `orchestration.api.websocket` serves those."""

    required_scopes = {"GET": "tasks:read"}
    queries = {"GET": WorkflowStreamQuery}

    @extend_schema(
        operation_id="stream_ws", tags=["stream"], parameters=[WorkflowStreamQuery], responses={101: None, 426: None}
    )
    def get(self, request: Request) -> JsonResponse:
        """Follow a task over a WebSocket: each message is an event as JSON; after `done` the server closes."""
        answer = error_response(request._request, UpgradeRequired())
        answer["Upgrade"], answer["Connection"] = "websocket", "Upgrade"
        return answer
