"""GET /api/v1/stream/ws, served: what the official client's `stream_ws` gets, resuming, refusals, readers that go."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
import redis
from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from pytest_django import Settings
from shannon import AsyncShannonClient
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from orchestration.control import task_cancel
from orchestration.events.wake import channel_name, delta_publish
from orchestration.events.write import EventDraft, events_append
from orchestration.models import Event, Task
from tests.integration.api.callers import Caller, error_of
from tests.integration.api.openai.serving import serving

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_SECONDS = 120.0


@pytest.fixture
def address(transactional_db: None) -> Iterator[str]:
    """The application, served by uvicorn."""
    from shannon_project.asgi import application  # noqa: PLC0415 - Django is set up by now

    with serving(application) as url:
        yield url


@asynccontextmanager
async def opened(address: str, caller: Caller | None, query: str) -> AsyncIterator[ClientConnection]:
    headers = {"X-API-Key": caller.key} if caller else {}
    url = f"{address.replace('http', 'ws', 1)}/api/v1/stream/ws?{query}"
    async with asyncio.timeout(PATIENCE_SECONDS), connect(url, additional_headers=headers, proxy=None) as socket:
        yield socket


async def read(socket: ClientConnection) -> list[dict[str, Any]]:
    """Return all messages until the server closes."""
    return [json.loads(message) async for message in socket]


async def refused(address: str, caller: Caller | None, query: str) -> tuple[int, dict[str, Any]]:
    """Return status and error of a handshake that is refused."""
    with pytest.raises(InvalidStatus) as caught:
        async with opened(address, caller, query):
            pass
    answer = caught.value.response
    body = json.loads(answer.body or b"")
    assert set(body) == {"error"}
    assert body["error"]["request_id"] == answer.headers["X-Request-ID"]
    return answer.status_code, body["error"]


async def ended(caller: Caller) -> Task:
    task: Task = await sync_to_async(caller.submit)()
    await sync_to_async(append)(task, "LLM_OUTPUT", "small answered", {"text": "finished \u2028 text"})
    await sync_to_async(task_cancel)(principal=caller.principal, task_id=task.id, reason="enough")
    await task.arefresh_from_db()
    return task


def append(task: Task, kind: str, message: str, payload: dict[str, Any]) -> None:
    events_append(task_id=task.id, drafts=[EventDraft(kind, message, payload, "agent-1", "agent-1")])


async def test_the_official_client_follows_a_task_to_its_end_and_resumes(address: str, caller: Caller) -> None:
    task = await ended(caller)
    client = AsyncShannonClient(base_url=address, api_key=caller.key)
    events = [event async for event in client.stream_ws(str(task.id), timeout=PATIENCE_SECONDS)]
    assert [event.seq for event in events] == list(range(1, task.event_seq + 1))
    assert (events[0].type, events[1].type, events[-1].type) == ("WORKFLOW_STARTED", "thread.message.completed", "done")
    resumed = client.stream_ws(str(task.id), last_event_id=events[1].stream_id, timeout=PATIENCE_SECONDS)
    assert [event.seq async for event in resumed] == list(range(3, task.event_seq + 1))
    chosen = client.stream_ws(str(task.id), types=["LLM_OUTPUT"], timeout=PATIENCE_SECONDS)
    assert [event.type async for event in chosen] == ["thread.message.completed", "done"]
    await client.close()


async def test_what_happens_comes_at_once_and_text_as_it_is_written(address: str, caller: Caller) -> None:
    task: Task = await sync_to_async(caller.submit)()
    async with opened(address, caller, f"workflow_id={task.id}") as socket:
        first = json.loads(await socket.recv())
        assert (first["type"], first["seq"]) == ("WORKFLOW_STARTED", 1)
        waiting = asyncio.ensure_future(socket.recv())
        while not waiting.done():  # until the reader has subscribed, a delta is lost: it is live only
            await sync_to_async(delta_publish)(
                task_id=task.id, step_key="s1", agent_id="a1", text="Hel", position=0, attempt=1
            )
            await asyncio.wait([waiting], timeout=0.05)
        piece = json.loads(await waiting)
        assert (piece["type"], piece["delta"]) == ("thread.message.delta", "Hel")
        assert "seq" not in piece
        await sync_to_async(append)(task, "STATUS_UPDATE", "on the way", {})
        await sync_to_async(task_cancel)(principal=caller.principal, task_id=task.id, reason="enough")
        rest = [message for message in await read(socket) if "seq" in message]
    assert rest[0]["message"] == "on the way"
    assert rest[-1]["type"] == "done"
    assert [message["seq"] for message in rest] == list(range(2, 2 + len(rest)))
    assert socket.close_code == 1000


async def test_who_has_seen_the_end_is_told_that_it_was_the_end(address: str, caller: Caller) -> None:
    task = await ended(caller)
    for seq in (task.event_seq, task.event_seq + 5):
        async with opened(address, caller, f"workflow_id={task.id}&last_event_id={seq}") as socket:
            assert [(item["type"], item["seq"]) for item in await read(socket)] == [("done", task.event_seq)]


async def test_events_that_were_dropped_end_the_stream(address: str, caller: Caller) -> None:
    task = await ended(caller)
    await Event.objects.filter(task_id=task.id).adelete()
    async with opened(address, caller, f"workflow_id={task.id}") as socket:
        assert [item["type"] for item in await read(socket)] == ["done"]


async def test_a_key_may_come_in_the_address_because_browsers_can_send_no_headers(address: str, caller: Caller) -> None:
    task = await ended(caller)
    async with opened(address, None, f"workflow_id={task.id}&api_key={caller.key}") as socket:
        assert (await read(socket))[-1]["type"] == "done"


async def test_refusals_say_what_is_wrong(
    address: str, caller: Caller, stranger: Caller, caller_with: Callable[..., Caller]
) -> None:
    task = await ended(caller)
    query = f"workflow_id={task.id}"
    writer = await sync_to_async(caller_with)("tasks:write")
    cases: list[tuple[Caller | None, str, int, str]] = [
        (None, query, 401, "API_KEY_MISSING"),
        (None, f"{query}&api_key=sk_wrong", 401, "API_KEY_INVALID"),
        (writer, query, 403, "SCOPE_MISSING"),
        (stranger, query, 404, "TASK_NOT_FOUND"),
        (caller, f"workflow_id={uuid4()}", 404, "TASK_NOT_FOUND"),
        (caller, "workflow_id=nothing", 404, "TASK_NOT_FOUND"),
        (caller, "", 400, "INVALID_INPUT"),
        (caller, f"{query}&color=red", 400, "INVALID_INPUT"),
        (caller, f"{query}&types=NOTHING", 400, "INVALID_INPUT"),
        (caller, f"{query}&last_event_id=x", 400, "INVALID_INPUT"),
    ]
    for who, asked, status, code in cases:
        got, error = await refused(address, who, asked)
        assert (got, error["code"]) == (status, code), asked


async def test_another_path_is_nothing(address: str, caller: Caller) -> None:
    url = f"{address.replace('http', 'ws', 1)}/api/v1/stream/other"
    with pytest.raises(InvalidStatus) as caught:
        await connect(url, additional_headers={"X-API-Key": caller.key}, proxy=None)
    assert caught.value.response.status_code == 404


def test_who_asks_without_opening_a_websocket_is_told_to(caller: Caller) -> None:
    response = caller.client.get("/api/v1/stream/ws", {"workflow_id": str(caller.submit().id)})
    assert error_of(response, 426)["code"] == "UPGRADE_REQUIRED"
    assert response["Upgrade"] == "websocket"


async def test_limits_of_requests_hold(address: str, caller: Caller, settings: Settings) -> None:
    settings.SHANNON_RATE_LIMIT_KEY_PER_MINUTE = 1
    task = await ended(caller)
    query = f"workflow_id={task.id}"
    async with opened(address, caller, query) as socket:
        await read(socket)
        assert socket.response is not None
        assert socket.response.headers["X-RateLimit-Remaining"] == "0"
    with pytest.raises(InvalidStatus) as caught:
        async with opened(address, caller, query):
            pass
    assert caught.value.response.status_code == 429
    assert int(caught.value.response.headers["Retry-After"]) > 0


async def test_a_reader_that_speaks_is_told_that_nobody_listens(address: str, caller: Caller) -> None:
    task: Task = await sync_to_async(caller.submit)()
    async with opened(address, caller, f"workflow_id={task.id}") as socket:
        await socket.recv()
        await socket.send("hello?")
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1003, "This stream takes no messages.")


async def test_readers_that_go_leave_nothing_behind(address: str, caller: Caller) -> None:
    task: Task = await sync_to_async(caller.submit)()
    for _ in range(5):
        async with opened(address, caller, f"workflow_id={task.id}") as socket:
            await socket.recv()
    assert await sync_to_async(_is_left)(task)
    assert (await refused(address, None, f"workflow_id={task.id}"))[0] == 401, "and it still serves"


def _is_left(task: Task) -> bool:
    """Wait until no process listens for the task any more."""
    pause = threading.Event()
    with redis.Redis.from_url(django_settings.CELERY_BROKER_URL) as broker:
        for _ in range(int(PATIENCE_SECONDS / 0.02)):
            if broker.pubsub_numsub(channel_name(task.id))[0][1] == 0:
                return True
            pause.wait(0.02)
    return False
