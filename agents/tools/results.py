"""What tools answered, given again to the same question of the same tenant, where the tool says that it may be."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final
from uuid import UUID

import redis
import structlog
from django.conf import settings

from agents.journal.bounds import canonical_digest
from agents.metrics import TOOL_CACHE
from agents.tools.base import Tool, ToolOutput
from shannon_project.foundation.valkey import valkey_client

log = structlog.get_logger(__name__)

_SERVER_TIMEOUT_SECONDS: Final = 0.25


def result_find(tool: Tool, arguments: Mapping[str, Any], *, tenant_id: UUID) -> ToolOutput | None:
    """Return what the tool answered before; a Valkey that is away knows nothing."""
    try:
        found: Any = _client().get(_key(tool, arguments, tenant_id))
    except redis.RedisError as error:
        log.warning("tool_cache_unreachable", error=str(error))
        return None
    TOOL_CACHE.labels(tool=tool.name, outcome="miss" if found is None else "hit").inc()
    return None if found is None else ToolOutput(json.loads(found))


def result_keep(tool: Tool, arguments: Mapping[str, Any], done: ToolOutput, *, tenant_id: UUID) -> None:
    """Keep an answer, if the tool says that this one is good for others, and it is not too large."""
    if done.error is not None or done.files_changed or not tool.is_lasting(done.output):
        return
    text = json.dumps(done.output)
    if len(text) > settings.SHANNON_TOOL_CACHE_MAX_BYTES:
        return
    try:
        _client().set(_key(tool, arguments, tenant_id), text, ex=tool.kept_seconds())
    except redis.RedisError as error:
        log.warning("tool_cache_unreachable", error=str(error))


def _key(tool: Tool, arguments: Mapping[str, Any], tenant_id: UUID) -> str:
    return f"shannon:tool:{tenant_id}:{canonical_digest({'tool': tool.name, 'arguments': dict(arguments)})}"


@cache
def _client() -> "redis.Redis":
    """One client, with its own pool of connections, per process."""
    return valkey_client(
        settings.CELERY_BROKER_URL,
        connect_timeout_seconds=_SERVER_TIMEOUT_SECONDS,
        timeout_seconds=_SERVER_TIMEOUT_SECONDS,
    )
