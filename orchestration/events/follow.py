"""Following a task: stored events from Postgres, in order and without gaps, and live deltas from Valkey."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import redis.asyncio
import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from orchestration.events.reading import PAGE_EVENTS, Opening, events_next
from orchestration.events.wake import channel_name
from orchestration.models import Event, Task
from orchestration.types import TASK_TERMINAL, EventKind

log = structlog.get_logger(__name__)

DELTA_QUEUE_ITEMS = 256  # a reader slower than this loses deltas, never events
POLL_SECONDS = 1.0  # while Valkey does not answer
SAFETY_POLL_SECONDS = 10.0  # while it does: a lost wake-up costs this much
RECONNECT_SECONDS = 1.0
PING_SECONDS = 2.0  # of silence, after which the server is asked whether it is there; and how long its answer may take


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of model text; live only, without a number. `position` and `attempt` tell which text it is of."""

    text: str
    step_key: str
    agent_id: str
    position: int = 0
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing happened for the heartbeat's time; the connection is still wanted."""


class WakeHub:
    """One Valkey connection per event loop, shared by all readers of the process."""

    def __init__(self) -> None:
        self._queues: dict[str, set[asyncio.Queue[dict[str, Any]]]] = defaultdict(set)
        self._pubsub: redis.asyncio.client.PubSub | None = None
        self._listener: asyncio.Task[None] | None = None
        self.connected = False

    @asynccontextmanager
    async def listen(self, task_id: UUID) -> AsyncIterator[asyncio.Queue[dict[str, Any]]]:
        """Yield a bounded queue of the task's messages; `{}` means that some were missed."""
        name = channel_name(task_id)
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(DELTA_QUEUE_ITEMS)
        first = not self._queues[name]
        self._queues[name].add(queue)
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._run(), name="wake-hub")
        elif first and self._pubsub is not None and self.connected:
            await self._subscribe(name)
        try:
            yield queue
        finally:
            self._queues[name].discard(queue)
            if not self._queues[name]:
                del self._queues[name]
                if self._pubsub is not None and self.connected:
                    await self._unsubscribe(name)

    async def _subscribe(self, name: str) -> None:
        try:
            if self._pubsub is not None:
                await self._pubsub.subscribe(name)
        except RedisError as error:
            log.warning("wake_subscribe_failed", error=str(error))

    async def _unsubscribe(self, name: str) -> None:
        try:
            if self._pubsub is not None:
                await self._pubsub.unsubscribe(name)
        except RedisError as error:
            log.warning("wake_unsubscribe_failed", error=str(error))

    async def _run(self) -> None:
        """Listen for as long as the event loop lives; reconnect for ever."""
        while not _cancelled():
            client = redis.asyncio.Redis.from_url(settings.CELERY_BROKER_URL, socket_connect_timeout=1.0)
            try:
                async with client.pubsub() as pubsub:
                    subscribed = set(self._queues)
                    await pubsub.subscribe("shannon:hub", *subscribed)
                    self._pubsub, self.connected = pubsub, True
                    late = set(self._queues) - subscribed  # readers that came while the subscription was on its way
                    if late:
                        await pubsub.subscribe(*late)
                    self._wake_everyone()
                    async for message in _messages(pubsub):
                        if _cancelled():
                            return
                        if message["type"] == "message":
                            self._hand_out(message["channel"].decode(), json.loads(message["data"]))
            except (RedisError, OSError) as error:
                log.warning("wake_connection_lost", error=str(error))
            finally:
                self._pubsub, self.connected = None, False
                await client.aclose()
            self._wake_everyone()
            await asyncio.sleep(RECONNECT_SECONDS)

    def _hand_out(self, name: str, message: dict[str, Any]) -> None:
        for queue in self._queues.get(name, ()):
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(message)

    def _wake_everyone(self) -> None:
        for name in list(self._queues):
            self._hand_out(name, {})


async def _messages(pubsub: redis.asyncio.client.PubSub) -> AsyncIterator[dict[str, Any]]:
    """Yield what comes; a server that is connected but says nothing, not even to a ping, counts as away.

    Raises:
        RedisConnectionError: It did not answer the ping.
    """
    is_asked = False
    while True:
        message = await pubsub.get_message(timeout=PING_SECONDS)
        if message is not None:
            is_asked = False
            yield message
        elif is_asked:
            raise RedisConnectionError("Connected, but no answer to a ping.")
        else:
            await pubsub.ping()
            is_asked = True


def _cancelled() -> bool:
    """True when this task was told to end: `asyncio.wait_for` of Python 3.11, which the client uses, may swallow it."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


_hubs: "WeakKeyDictionary[asyncio.AbstractEventLoop, WakeHub]" = WeakKeyDictionary()


def _hub() -> WakeHub:
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = WakeHub()
    return _hubs[loop]


async def follow(
    task_id: UUID, *, after_seq: int = 0, heartbeat_seconds: float = 10.0
) -> AsyncGenerator[Event | Delta | Idle, None]:
    """Yield every stored event after `after_seq` once and in order, deltas as they come, and `Idle` when all is quiet.

    Ends after the terminal event (`STREAM_END`), or at once if the task has ended and has no later events. The caller
    has checked that the task is the reader's to see.

    Args:
        task_id: The task.
        after_seq: Number of the last event that the reader has; 0 for none.
        heartbeat_seconds: Quiet time after which `Idle` is yielded.
    """
    async with aclosing(follow_pages(task_id, after_seq=after_seq, heartbeat_seconds=heartbeat_seconds)) as pages:
        async for page in pages:
            for item in page:
                yield item


async def follow_pages(
    task_id: UUID, *, after_seq: int, heartbeat_seconds: float, opening: Opening | None = None
) -> AsyncGenerator[Sequence[Event | Delta | Idle], None]:
    """Yield as `follow` does, but together what is there together: a reader is sent it at once.

    Args:
        task_id: The task.
        after_seq: Number of the last event that the reader has; 0 for none.
        heartbeat_seconds: Quiet time after which `Idle` is yielded.
        opening: What the caller has read already; it is yielded before anything else is asked.
    """
    if opening is None:
        is_over = await _is_over(task_id)  # asked before the events are read: whatever ended it is among them
    else:
        if opening.page:
            yield opening.page
            after_seq = opening.page[-1].seq
        if _has_end(opening.page):
            return
        is_over = opening.is_over
    async with aclosing(_follow_on(task_id, after_seq, heartbeat_seconds, is_over=is_over)) as pages:
        async for page in pages:
            yield page


async def _follow_on(
    task_id: UUID, after_seq: int, heartbeat_seconds: float, *, is_over: bool
) -> AsyncGenerator[Sequence[Event | Delta | Idle], None]:
    """Yield what is stored after `after_seq`, then what happens; `is_over`: nothing will."""
    hub = _hub()
    quiet_seconds = 0.0
    async with hub.listen(task_id) as queue:
        while True:
            page = await _page_in_thread(task_id, after_seq)
            if page:
                yield page
                after_seq = page[-1].seq
            if _has_end(page):
                return
            if len(page) == PAGE_EVENTS:
                continue
            if is_over:
                return  # all is read: its last events were read before, or were dropped with their month
            if page:
                quiet_seconds = 0.0
            async for item in _live(queue, hub, after_seq, heartbeat_seconds - quiet_seconds):
                if isinstance(item, float):
                    quiet_seconds += item
                else:
                    quiet_seconds = 0.0
                    yield [item]
            if quiet_seconds >= heartbeat_seconds:
                quiet_seconds = 0.0
                yield [Idle()]


def _has_end(page: Sequence[Event]) -> bool:
    """Whether the terminal event is among them; what people say of the answer may be stored after it."""
    return any(event.kind == EventKind.STREAM_END for event in page)


async def _live(
    queue: asyncio.Queue[dict[str, Any]], hub: WakeHub, after_seq: int, patience_seconds: float
) -> AsyncIterator[Delta | float]:
    """Yield deltas until there may be stored events to read; at last, the quiet seconds if nothing came at all."""
    limit = min(SAFETY_POLL_SECONDS if hub.connected else POLL_SECONDS, max(patience_seconds, 0.01))
    while True:
        try:
            async with asyncio.timeout(limit):
                message = await queue.get()
        except TimeoutError:
            yield limit
            return
        if "delta" in message:
            yield Delta(
                text=message["delta"],
                step_key=message["step_key"],
                agent_id=message["agent_id"],
                position=message["position"],
                attempt=message["attempt"],
            )
        elif message.get("seq", after_seq + 1) > after_seq:
            return


@sync_to_async(thread_sensitive=False)
def _page_in_thread(task_id: UUID, after_seq: int) -> list[Event]:
    """Read one page in a thread of its own and give the connection back."""
    try:
        return events_next(task_id, after_seq)
    finally:
        connection.close()


@sync_to_async(thread_sensitive=False)
def _is_over(task_id: UUID) -> bool:
    """Return whether the task has ended, so that nothing follows what was read."""
    try:
        return Task.objects.filter(id=task_id, status__in=TASK_TERMINAL).exists()
    finally:
        connection.close()
