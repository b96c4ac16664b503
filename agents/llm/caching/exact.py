"""Answers by the digest of everything that changes them, in Valkey; and who of several that ask the same asks first.

Losing any of it costs a call and nothing else. What is kept is bounded in size and time: the broker must not fill up.
"""

import json
from functools import cache
from typing import Any, Final
from uuid import UUID

import redis
import structlog
from django.conf import settings

from agents.journal.bounds import canonical_digest
from agents.llm.types import ModelReply, ModelRequest
from shannon_project.config.catalogue import CatalogueModel
from shannon_project.foundation.coroutines import outside

log = structlog.get_logger(__name__)

_CONNECTIONS_MAX: Final = 32
_FINISHED: Final = frozenset({"stop", "tool_calls"})
_RELEASE: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


def key_of(tenant_id: UUID, request: ModelRequest, models: tuple[CatalogueModel, ...], max_output_tokens: int) -> str:
    """Return what stands for everything that changes an answer; the tenant is part of it."""
    asked = {
        "tenant": str(tenant_id),
        "models": [(model.name, model.litellm_name, model.api_base) for model in models],
        "request": request.as_json(),
        "max_output_tokens": max_output_tokens,
    }
    return canonical_digest(asked)


class ExactCache:
    """What it cannot reach it does not have: a broker that is away makes every question a miss."""

    def get(self, key: str) -> ModelReply | None:
        """Return the answer that is kept under a key."""
        try:
            found: Any = outside(lambda: _client().get(_answer(key)))
        except redis.RedisError as error:
            log.warning("model_cache_unreachable", error=str(error))
            return None
        return None if found is None else ModelReply.from_json(json.loads(found))

    def put(self, key: str, reply: ModelReply, *, seconds: int) -> None:
        """Keep an answer, if it is whole and not too large."""
        text = json.dumps(reply.as_json())
        if reply.finish_reason not in _FINISHED or len(text) > settings.SHANNON_MODEL_CACHE_ANSWER_MAX_BYTES:
            return
        try:
            outside(lambda: _client().set(_answer(key), text, ex=seconds))
        except redis.RedisError as error:
            log.warning("model_cache_unreachable", error=str(error))

    def lead(self, key: str, who: str) -> bool:
        """Take the lead in asking for an answer; False: somebody else is asking. Without a broker everybody leads."""
        try:
            lease_seconds = settings.SHANNON_MODEL_FLIGHT_SECONDS
            return bool(outside(lambda: _client().set(_flight(key), who, nx=True, px=round(lease_seconds * 1000))))
        except redis.RedisError:
            return True

    def give_up_lead(self, key: str, who: str) -> None:
        """Let another one ask, or find the answer."""
        try:
            outside(lambda: _client().eval(_RELEASE, 1, _flight(key), who))
        except redis.RedisError as error:
            log.warning("model_cache_unreachable", error=str(error))


def _answer(key: str) -> str:
    return f"shannon:answer:{key}"


def _flight(key: str) -> str:
    return f"shannon:flight:{key}"


@cache
def _client() -> "redis.Redis":
    """One client, with its own pool of connections, per process; who finds them all in use waits for one."""
    pool = redis.BlockingConnectionPool.from_url(
        settings.CELERY_BROKER_URL,
        max_connections=_CONNECTIONS_MAX,
        timeout=1.0,
        socket_connect_timeout=0.5,
        socket_timeout=0.5,
    )
    return redis.Redis(connection_pool=pool)
