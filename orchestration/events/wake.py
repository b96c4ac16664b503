"""Waking readers through Valkey. Losing a message costs a reader one polling interval and nothing else."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from uuid import UUID

import redis
import structlog
from django.conf import settings

from shannon_project.foundation.together import Together
from shannon_project.foundation.valkey import valkey_client

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS: Final = 0.5  # publishing takes less than a millisecond; a commit waits for it
PUBLISHED_AT_ONCE: Final = 256
QUIET_SECONDS: Final = 5.0  # after a failure; readers poll meanwhile


def channel_name(task_id: UUID) -> str:
    """Return the channel on which a task's readers listen."""
    return f"shannon:task:{task_id}"


def wake_publish(seqs: Mapping[UUID, int]) -> None:
    """Tell readers of tasks that events up to these numbers are committed; one round trip."""
    _publish([_Message(task_id, seq, {"seq": seq}) for task_id, seq in seqs.items()])


def delta_publish(
    *, task_id: UUID, step_key: str, agent_id: str, text: str, position: int = 0, attempt: int = 1
) -> None:
    """Send a piece of model text to whoever watches live; `position` and `attempt` tell which text it is of."""
    message = {"delta": text, "step_key": step_key, "agent_id": agent_id, "position": position, "attempt": attempt}
    _publish([_Message(task_id, None, message)])


@dataclass(frozen=True, slots=True)
class _Message:
    """What readers of a task are told. `seq`: the number up to which events are committed; None: it is a delta."""

    task_id: UUID
    seq: int | None
    what: Mapping[str, Any]


def _publish(messages: Sequence[_Message]) -> None:
    if not _breaker.is_open():
        _PUBLISHING.do(None, messages)


def _publish_all(_key: None, brought: Sequence[Sequence[_Message]]) -> Sequence[None]:
    """Publish what threads brought at the same moment, in one round trip; of a task's numbers only the highest."""
    if _breaker.is_open():  # it failed for those who came before
        return [None] * len(brought)
    messages = [message for some in brought for message in some]
    highest: dict[UUID, int] = {}
    for message in messages:
        highest[message.task_id] = max(message.seq or 0, highest.get(message.task_id, 0))
    try:
        pipeline = _client().pipeline(transaction=False)
        for message in messages:
            if message.seq is None or message.seq == highest[message.task_id]:
                pipeline.publish(channel_name(message.task_id), json.dumps(message.what))
        pipeline.execute()
    except redis.RedisError as error:
        _breaker.trip()
        log.warning("wake_not_sent", tasks=len(messages), quiet_seconds=QUIET_SECONDS, error=str(error))
    return [None] * len(brought)


class _Breaker:
    """After a failure nobody is told anything for a while.

    A server that is there and says nothing would otherwise hold up every commit until the socket's time is over.
    """

    def __init__(self) -> None:
        self._open_until_seconds = 0.0

    def is_open(self) -> bool:
        """Return whether the last failure is so recent that the server is not asked."""
        return time.monotonic() < self._open_until_seconds

    def trip(self) -> None:
        """Note a failure."""
        self._open_until_seconds = time.monotonic() + QUIET_SECONDS

    def reset(self) -> None:
        """Forget the last failure."""
        self._open_until_seconds = 0.0


_breaker = _Breaker()


@cache
def _client() -> "redis.Redis":
    """One client, with its own pool of connections, per process."""
    return valkey_client(
        settings.CELERY_BROKER_URL, connect_timeout_seconds=TIMEOUT_SECONDS, timeout_seconds=TIMEOUT_SECONDS
    )


# One round trip for what hundreds of threads tell at the same moment.
_PUBLISHING: Final[Together[None, Sequence[_Message], None]] = Together(
    _publish_all, at_once=PUBLISHED_AT_ONCE, size=len
)
