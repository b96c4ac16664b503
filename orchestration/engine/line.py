"""The line of tasks that are to be advanced: tenants in turn by virtual time, each one's tasks by their priority.

It lies in the broker, beside the queue of messages. A message says that something is to be done; what that is, is
taken from here when a thread is free. So a tenant that rings for 500 tasks stands before nobody else's one. It is a
doorbell as the messages are: what is lost with the broker is rung for again from Postgres.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from uuid import UUID

import redis
from django.conf import settings

from orchestration.types import PRIORITY_RANK, Priority
from shannon_project.foundation.valkey import valkey_client

TURN_SECONDS: Final = 0.005  # of a control thread that a turn is counted with until it is known how long it took
_PAGE: Final = 32  # tenants that are looked at together
_FORGET_SECONDS: Final = 3600  # then it is forgotten what tenants have had
_PRIORITY_STEP: Final = 10**13  # more than the milliseconds since 1970, so that priority goes before time

# Start-time fair queueing (Goyal, Vin and Cheng 1996): a tenant's place is what it has had, divided by its weight, but
# not before the place of who was served last. Whoever rings for the first time is next.
_PUT: Final = """
    local added = 0
    for i = 1, #ARGV, 3 do
        local key, tenant = KEYS[3 + (i + 2) / 3], ARGV[i]
        added = added + redis.call('ZADD', key, 'NX', ARGV[i + 2], ARGV[i + 1])
        if not redis.call('ZSCORE', KEYS[1], tenant) then
            local had = tonumber(redis.call('HGET', KEYS[2], tenant) or '0')
            local now = tonumber(redis.call('GET', KEYS[3]) or '0')
            redis.call('ZADD', KEYS[1], math.max(had, now), tenant)
        end
    end
    return added
"""
_PAY: Final = """
    local now = tonumber(redis.call('GET', KEYS[3]) or '0')
    if ARGV[1] ~= '' then
        local had = tonumber(redis.call('HINCRBYFLOAT', KEYS[2], ARGV[1], ARGV[2]))
        redis.call('ZADD', KEYS[1], 'XX', math.max(had, now), ARGV[1])
    end
"""
_TAKE: Final = f"""
    {_PAY}
    local passed = {{}}
    for i = 5, #ARGV do passed[ARGV[i]] = true end
    local first = 0
    while true do
        local page = redis.call('ZRANGE', KEYS[1], first, first + {_PAGE - 1}, 'WITHSCORES')
        if #page == 0 then return false end
        for i = 1, #page, 2 do
            local tenant, place = page[i], tonumber(page[i + 1])
            if not passed[tenant] then
                redis.call('SET', KEYS[3], math.max(place, now))
                redis.call('HSET', KEYS[2], tenant, place + ARGV[4])
                if redis.call('TTL', KEYS[2]) < 0 then redis.call('EXPIRE', KEYS[2], {_FORGET_SECONDS}) end
                redis.call('ZADD', KEYS[1], place + ARGV[4], tenant)
                local task = redis.call('ZPOPMIN', ARGV[3] .. tenant)
                if redis.call('EXISTS', ARGV[3] .. tenant) == 0 then redis.call('ZREM', KEYS[1], tenant) end
                if task[1] then return {{tenant, task[1]}} end
            end
        end
        first = first + {_PAGE}
    end
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """A task in the line."""

    task_id: UUID
    tenant_id: UUID
    priority: int = PRIORITY_RANK[Priority.NORMAL]


@dataclass(frozen=True, slots=True)
class Charge:
    """What a turn took of a control thread, divided by the tenant's weight."""

    tenant_id: UUID
    seconds: float


class Line:
    """The line in the broker. Every call is one round trip, and raises `redis.RedisError` when the broker is away."""

    def __init__(self, name: str = "shannon:control") -> None:
        """Make a handle; the braces keep its keys together where a broker is many servers."""
        self._prefix = f"{{{name}}}:"
        self._keys = [f"{self._prefix}{key}" for key in ("tenants", "served", "now")]

    def put(self, turns: Sequence[Turn]) -> int:
        """Put tasks in line; one that is there already stays where it is. Returns how many were not."""
        if not turns:
            return 0
        now = time.time() * 1000
        arguments: list[Any] = []
        for turn in turns:
            arguments += [str(turn.tenant_id), str(turn.task_id), turn.priority * _PRIORITY_STEP + int(now)]
        return int(_script(_PUT)(keys=[*self._keys, *(self._key_of(turn.tenant_id) for turn in turns)], args=arguments))

    def take(self, *, passed_over: Collection[UUID] = (), charge: Charge | None = None) -> Turn | None:
        """Take the task whose turn it is out of the line; None when there is none.

        Args:
            passed_over: Tenants that may not be served now.
            charge: What an earlier turn took; it is counted first.
        """
        paid = _paid(charge) if charge else ("", "0")
        arguments = [*paid, f"{self._prefix}of:", TURN_SECONDS, *(str(tenant_id) for tenant_id in passed_over)]
        found = _script(_TAKE)(keys=self._keys, args=arguments)
        return Turn(tenant_id=UUID(found[0].decode()), task_id=UUID(found[1].decode())) if found else None

    def pay(self, charge: Charge) -> None:
        """Count what a turn took, without taking another."""
        _script(_PAY)(keys=self._keys, args=_paid(charge))

    def is_empty(self) -> bool:
        """Return whether nobody is in line."""
        return not broker_client().exists(self._keys[0])

    def depths(self) -> Mapping[UUID, int]:
        """Return how many tasks of each tenant are in line; two round trips."""
        client = broker_client()
        names: Any = client.zrange(self._keys[0], 0, -1)
        tenants = [UUID(name.decode()) for name in names]
        pipeline = client.pipeline(transaction=False)
        for tenant_id in tenants:
            pipeline.zcard(self._key_of(tenant_id))
        return dict(zip(tenants, pipeline.execute(), strict=True))

    def clear(self) -> None:
        """Forget everybody in line and what tenants have had."""
        client = broker_client()
        client.delete(*self._keys, *client.scan_iter(match=f"{self._prefix}of:*"))

    def _key_of(self, tenant_id: UUID) -> str:
        return f"{self._prefix}of:{tenant_id}"


def _paid(charge: Charge) -> tuple[str, str]:
    return str(charge.tenant_id), repr(charge.seconds - TURN_SECONDS)


@cache
def broker_client() -> "redis.Redis":
    """Return the client of the broker beside Celery's; one pool of connections per process."""
    return valkey_client(settings.CELERY_BROKER_URL, connect_timeout_seconds=1.0, timeout_seconds=2.0)


@cache
def _script(text: str) -> Any:
    return broker_client().register_script(text)


LINE = Line()
