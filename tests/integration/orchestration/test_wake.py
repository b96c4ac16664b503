"""A broker that is there and says nothing."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.exceptions import ConnectionError as RedisConnectionError
from structlog.testing import capture_logs

from orchestration.events import follow, wake
from shannon_project.foundation.ids import uuid7


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


def test_a_silent_broker_is_waited_for_once_and_not_at_every_commit(
    silent: SilentServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = redis.Redis.from_url(silent.url, socket_timeout=0.1, retry=None, lib_name=None, lib_version=None)
    monkeypatch.setattr(wake, "_client", lambda: client)
    with capture_logs() as logs:
        for number in range(20):
            wake.wake_publish({uuid7(): number})
            wake.delta_publish(task_id=uuid7(), step_key="a", agent_id="a", text="x")
    assert [entry["event"] for entry in logs] == ["wake_not_sent"]


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
