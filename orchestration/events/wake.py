"""Waking readers through Valkey. Losing a message costs a reader one polling interval and nothing else."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import UUID

import redis
import structlog
from django.conf import settings

log = structlog.get_logger(__name__)


def channel_name(task_id: UUID) -> str:
    """Return the channel on which a task's readers listen."""
    return f"shannon:task:{task_id}"


def wake_publish(*, task_id: UUID, seq: int) -> None:
    """Tell readers that events up to `seq` are committed."""
    _publish(task_id, {"seq": seq})


def delta_publish(
    *, task_id: UUID, step_key: str, agent_id: str, text: str, position: int = 0, attempt: int = 1
) -> None:
    """Send a piece of model text to whoever watches live; `position` and `attempt` tell which text it is of."""
    _publish(
        task_id,
        {"delta": text, "step_key": step_key, "agent_id": agent_id, "position": position, "attempt": attempt},
    )


def _publish(task_id: UUID, message: Mapping[str, Any]) -> None:
    try:
        _client().publish(channel_name(task_id), json.dumps(message))
    except redis.RedisError as error:
        log.warning("wake_not_sent", task_id=str(task_id), error=str(error))


@cache
def _client() -> "redis.Redis":
    """One client, with its own pool of connections, per process."""
    return redis.Redis.from_url(settings.CELERY_BROKER_URL, socket_connect_timeout=1.0, socket_timeout=2.0)
