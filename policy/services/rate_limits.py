"""Requests per minute of a key and of its tenant, uses of a tool, attempts to sign in: counted in Valkey by its clock.

A sliding window in two counters: what was asked in this minute, and the part of the last one that is not a minute ago
yet (https://blog.cloudflare.com/counting-things-a-lot-of-different-things/). One round trip; a refused request is not
counted. Where Valkey does not answer, everybody is let in: limits are courtesy among tenants, not safety, and whoever
looks after a broker that is away must be able to sign in.
"""

import hashlib
import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from uuid import UUID

import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from policy.errors import RateLimited
from policy.metrics import REQUESTS_REFUSED

log = structlog.get_logger(__name__)

WINDOW_SECONDS: Final = 60
SERVER_TIMEOUT_SECONDS: Final = 0.25
_ROUNDING: Final = 1e-6
AWAY_SECONDS: Final = 5.0  # how long nobody asks a Valkey that did not answer: each request would wait for it

_SCRIPT: Final = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local window = tonumber(ARGV[1])
local number = math.floor(now / window)
local into = now - number * window
local answer = {tostring(into), time[1]}
local admitted = true
for i, key in ipairs(KEYS) do
  local before = tonumber(redis.call('GET', key .. ':' .. (number - 1)) or '0')
  local current = tonumber(redis.call('GET', key .. ':' .. number) or '0')
  if before * (1 - into / window) + current + 1 > tonumber(ARGV[i + 1]) then admitted = false end
  answer[#answer + 1] = before
  answer[#answer + 1] = current
end
if admitted then
  for _, key in ipairs(KEYS) do
    redis.call('INCR', key .. ':' .. number)
    redis.call('EXPIRE', key .. ':' .. number, window * 2)
  end
end
answer[#answer + 1] = admitted and 1 or 0
return answer
"""


@dataclass(frozen=True, slots=True)
class RateState:
    """Where one limit stands after a request; `whose` is `key` or `tenant`."""

    whose: str
    limit: int
    used: float
    reset_at_seconds: int
    retry_after_seconds: int

    @property
    def remaining(self) -> int:
        """Requests that may follow at once."""
        return max(0, math.floor(self.limit - self.used + _ROUNDING))

    def headers(self) -> dict[str, str]:
        """Return what every answer carries: limit, remaining, and the Unix time at which this minute's count ends."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset_at_seconds),
        }


def request_admit(*, tenant_id: UUID, api_key_id: UUID, tenant_limit: int | None) -> RateState | None:
    """Count a request, or refuse it.

    Args:
        tenant_id: Whose key it is.
        api_key_id: The key.
        tenant_limit: The tenant's own limit a minute; None: the setting's; 0: none.

    Returns:
        The tighter of the two limits as it stands now; None when there is none, or Valkey does not answer.

    Raises:
        RateLimited: A limit is reached; `details` say whose, how much, and when to come back.
    """
    wanted = {
        ("key", api_key_id): settings.SHANNON_RATE_LIMIT_KEY_PER_MINUTE,
        ("tenant", tenant_id): settings.SHANNON_RATE_LIMIT_TENANT_PER_MINUTE if tenant_limit is None else tenant_limit,
    }
    limits: dict[tuple[str, UUID | str], int] = {name: limit for name, limit in wanted.items() if limit > 0}
    answer = _count(limits) if limits and not _away.is_set_now() else None
    if answer is None:
        return None
    states = states_of(answer, [(whose, limit) for (whose, _), limit in limits.items()])
    if answer[-1]:
        return min(states, key=lambda state: state.remaining)
    reached = max(states, key=lambda state: state.used - state.limit)
    REQUESTS_REFUSED.labels(whose=reached.whose).inc()
    raise RateLimited(
        f"The {reached.whose} has made its {reached.limit} requests of this minute; wait "
        f"{reached.retry_after_seconds} s.",
        details={"whose": reached.whose, "limit": reached.limit, "retry_after_seconds": reached.retry_after_seconds},
        headers=reached.headers(),
    )


def use_admit(*, tenant_id: UUID, what: str, limit_per_minute: int) -> int:
    """Count one use of something by a tenant, or refuse it.

    Args:
        tenant_id: Who uses it.
        what: What is used, for example `tool:web_search`.
        limit_per_minute: How often a minute; 0: never.

    Returns:
        0 when it may be used now, or Valkey does not answer; else the seconds (at least 1) after which one more fits.
    """
    if limit_per_minute <= 0:
        return WINDOW_SECONDS
    answer = None if _away.is_set_now() else _count({(what, tenant_id): limit_per_minute})
    if answer is None or answer[-1]:
        return 0
    (state,) = states_of(answer, [(what, limit_per_minute)])
    REQUESTS_REFUSED.labels(whose="tool").inc()
    return max(1, state.retry_after_seconds)


def sign_in_admit(*, username: str, address: str) -> int:
    """Count one attempt to sign in to the admin, whether it succeeds or not, or refuse it.

    Args:
        username: Whose account is tried, as it was typed; there need not be one.
        address: From where.

    Returns:
        0 when it may be tried, or Valkey does not answer; else the seconds (at least 1) after which one more may be.
    """
    limits: dict[tuple[str, UUID | str], int] = {
        ("sign-in-address", _digest(address)): settings.SHANNON_SIGN_IN_ADDRESS_PER_MINUTE,
        ("sign-in-account", _digest(username.casefold())): settings.SHANNON_SIGN_IN_ACCOUNT_PER_MINUTE,
    }
    answer = None if _away.is_set_now() else _count(limits)
    if answer is None or answer[-1]:
        return 0
    states = states_of(answer, [(what, limit) for (what, _), limit in limits.items()])
    reached = max(states, key=lambda state: state.used - state.limit)
    REQUESTS_REFUSED.labels(whose=reached.whose).inc()
    return max(1, reached.retry_after_seconds)


def states_of(answer: Sequence[Any], limits: Sequence[tuple[str, int]]) -> list[RateState]:
    """Return where each limit stands, from the script's answer: pure arithmetic."""
    into, now_seconds, admitted = float(answer[0]), int(answer[1]), int(answer[-1])
    reset_at_seconds = now_seconds + math.ceil(WINDOW_SECONDS - into)
    states = []
    for position, (whose, limit) in enumerate(limits):
        before, current = int(answer[2 + 2 * position]), int(answer[3 + 2 * position])
        states.append(
            RateState(
                whose=whose,
                limit=limit,
                used=before * (1 - into / WINDOW_SECONDS) + current + admitted,
                reset_at_seconds=reset_at_seconds,
                retry_after_seconds=_wait_seconds(limit, before, current, into),
            )
        )
    return states


def _wait_seconds(limit: int, before: int, current: int, into: float) -> int:
    """Return after how many seconds one more request fits, if nobody else asks meanwhile; at least 1."""
    if current + 1 > limit:  # not in this window: in the next one, when enough of this one is a minute ago
        left = WINDOW_SECONDS - into
        return math.ceil(left + WINDOW_SECONDS * (1 - (limit - 1) / max(current, 1)) - _ROUNDING)
    fits_at = WINDOW_SECONDS * (1 - (limit - 1 - current) / max(before, 1))
    return max(1, math.ceil(fits_at - into - _ROUNDING))


class _Away:
    """Whether Valkey did not answer a moment ago; told to the log once for each time it goes away."""

    def __init__(self) -> None:
        self._until_seconds = 0.0
        self._lock = threading.Lock()

    def is_set_now(self) -> bool:
        return time.monotonic() < self._until_seconds

    def note(self, error: Exception) -> None:
        with self._lock:
            if not self.is_set_now():
                log.warning("requests_not_counted", error=str(error), seconds=AWAY_SECONDS)
            self._until_seconds = time.monotonic() + AWAY_SECONDS


_away = _Away()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _count(limits: Mapping[tuple[str, UUID | str], int]) -> Sequence[Any] | None:
    keys = [f"shannon:rate:{whose}:{name}" for whose, name in limits]
    try:
        answer: Sequence[Any] = _script()(keys=keys, args=[WINDOW_SECONDS, *limits.values()])
    except redis.RedisError as error:
        _away.note(error)
        return None
    return answer


@cache
def _script() -> Any:
    client = redis.Redis.from_url(
        settings.CELERY_BROKER_URL,
        socket_connect_timeout=SERVER_TIMEOUT_SECONDS,
        socket_timeout=SERVER_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return client.register_script(_SCRIPT)
