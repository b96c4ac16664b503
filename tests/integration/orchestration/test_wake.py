"""A broker that is there and says nothing."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
import redis
import redis.asyncio
from django.conf import settings
from django.db import transaction
from redis.exceptions import ConnectionError as RedisConnectionError

from orchestration.events import follow, wake
from orchestration.events.write import EventDraft, events_append
from orchestration.services import task_submit
from orchestration.types import TaskRequest
from policy.types import Principal
from shannon_project.foundation.ids import uuid7
from tests.integration.orchestration.playing import principal
from tests.logs import logged

__all__ = ["principal"]

PATIENCE_SECONDS: Final = 120.0
THREADS: Final = 150  # more than the driver's pool has connections


class SilentServer:
    """Accepts connections and answers nothing, as a stopped process does."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                self.connections.append(self.listening.accept()[0])
            except OSError:
                return

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://127.0.0.1:{self.listening.getsockname()[1]}/0"


@pytest.fixture
def silent() -> Iterator[SilentServer]:
    """A silent server, and publishers that have not failed yet."""
    server = SilentServer()
    wake._breaker.reset()
    yield server
    wake._breaker.reset()
    server.listening.close()
    for connection in server.connections:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_nobody_is_woken_for_a_task_of_which_nobody_can_know_yet(principal: Principal) -> None:
    client: Any = redis.Redis.from_url(settings.CELERY_BROKER_URL)
    with client.pubsub() as reader:
        reader.psubscribe("shannon:task:*")
        subscribed = reader.get_message(timeout=PATIENCE_SECONDS)
        assert subscribed is not None
        task = task_submit(principal=principal, request=TaskRequest(query="Who are you?", mode="simple")).task
        with transaction.atomic():
            events_append(task_id=task.id, drafts=[EventDraft("PROGRESS", "half")])
        told: list[dict[str, Any]] = []
        end = time.monotonic() + PATIENCE_SECONDS
        while not told and time.monotonic() < end:
            message = reader.get_message(timeout=1.0)
            if message is not None and message["channel"].decode() == wake.channel_name(task.id):
                told.append(json.loads(message["data"]))
    client.close()
    assert told == [{"seq": 2}], "the first number that readers were told"


def test_a_silent_broker_is_waited_for_once_and_not_at_every_commit(
    silent: SilentServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = redis.Redis.from_url(silent.url, socket_timeout=0.1, retry=None, lib_name=None, lib_version=None)
    monkeypatch.setattr(wake, "_client", lambda: client)
    for number in range(20):
        wake.wake_publish({uuid7(): number})
        wake.delta_publish(task_id=uuid7(), step_key="a", agent_id="a", text="x")
    assert [entry["event"] for entry in logged(caplog, wake.__name__)] == ["wake_not_sent"]


def test_what_hundreds_of_threads_publish_at_once_goes_over_one_connection_and_in_order(
    silent: SilentServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    task_id = uuid7()
    real: Any = wake._client()
    reader = real.pubsub(ignore_subscribe_messages=True)
    reader.subscribe(wake.channel_name(task_id))
    assert reader.get_message(timeout=PATIENCE_SECONDS) is None, "it is subscribed"
    asked, may_go = threading.Event(), threading.Event()
    pipelines: list[int] = []

    def client() -> Any:
        pipelines.append(1)
        asked.set()
        assert may_go.wait(PATIENCE_SECONDS)
        return real

    monkeypatch.setattr(wake, "_client", client)
    with ThreadPoolExecutor(THREADS + 1) as threads:
        threads.submit(wake.delta_publish, task_id=task_id, step_key="a", agent_id="a", text="first")
        assert asked.wait(PATIENCE_SECONDS)
        for number in range(1, THREADS + 1):
            threads.submit(wake.wake_publish, {task_id: number})
            while wake._PUBLISHING.waiting(None) < number:
                threading.Event().wait(0.001)
        may_go.set()
    heard = [json.loads(message["data"]) for message in _messages_of(reader, 2)]
    assert heard[0]["delta"] == "first"
    assert heard[1] == {"seq": THREADS}, "who reads up to that number has read those before it"
    assert len(pipelines) == 2
    assert not logged(caplog, wake.__name__)


def _messages_of(reader: Any, count: int) -> list[dict[str, Any]]:
    """Return so many messages, and fail when there are more or fewer."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        message = reader.get_message(timeout=PATIENCE_SECONDS)
        assert message is not None
        found.append(message)
    assert reader.get_message(timeout=0.0) is None
    reader.close()
    return found


class StoppedPubSub(redis.asyncio.client.PubSub):
    """A subscription whose server was stopped after `answers` pings."""

    def __init__(self, answers: int) -> None:
        """Needs no connection."""
        self.answers = answers
        self.answered = 0
        self.pings = 0

    async def get_message(self, *_: Any, **__: Any) -> dict[str, Any] | None:
        """Give the answer to a ping, if there is one."""
        if self.answered < min(self.answers, self.pings):
            return {"type": "pong"}
        return None

    async def ping(self, *_: Any, **__: Any) -> None:  # type: ignore[override] # nobody looks at the result
        """Count."""
        self.pings += 1

    def __del__(self) -> None:
        """There is nothing to give back."""


def test_a_reader_notices_that_a_connected_broker_is_silent() -> None:
    stopped = StoppedPubSub(answers=3)

    async def read() -> None:
        async for _ in follow._messages(stopped):
            stopped.answered += 1

    with pytest.raises(RedisConnectionError):
        asyncio.run(read())
    assert (stopped.answered, stopped.pings) == (3, 4)
