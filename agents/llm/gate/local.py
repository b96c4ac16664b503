"""A gate of one process: for tests, and what is left while Valkey is away. Limits then hold per process."""

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from django.conf import settings

from agents.llm.gate.base import WINDOW_SECONDS, Admission, CallEnd, CallEnded, Gate, Lane, Verdict, pause_of
from agents.llm.gate.reckoning import p95

_LATENCIES: Final = 200
_QUEUE_SECONDS: Final = 0.025


@dataclass(slots=True)
class _LaneState:
    failures: int = 0
    failed_at: float = 0.0
    open_until: float = 0.0
    opened: int = 0
    probe_until: float = 0.0
    blocked_until: float = 0.0
    turns: deque[tuple[float, int]] = field(default_factory=deque)  # when, and how many tokens
    running: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Window:
    tokens: int
    until: float


class LocalGate(Gate):
    """The same limits as in Valkey, counted exactly instead of in buckets. Turns are given in the order of asking."""

    def __init__(self) -> None:
        """Make a gate that knows nothing."""
        self._lanes: dict[str, _LaneState] = {}
        self._latencies: dict[str, deque[float]] = {}
        self._windows: dict[tuple[str, str], _Window] = {}
        self._lock = threading.Lock()

    def admit(
        self,
        lane: Lane,
        call_id: str,
        *,
        tokens: int,
        max_wait_seconds: float,
        tenant: str = "",
        weight: int = 1,  # noqa: ARG002 - turns are given by arrival
    ) -> Admission:
        """See `Gate.admit`."""
        now = time.monotonic()
        with self._lock:
            state = self._lanes.setdefault(lane.name, _LaneState())
            is_probe = state.open_until > 0
            shut_until = max(state.open_until, state.probe_until if is_probe else 0.0)
            if shut_until > now:
                return Admission(Verdict.OPEN, shut_until - now)
            limit = lane.limits.max_concurrency
            if limit is not None and len(state.running) >= limit:
                return Admission(Verdict.QUEUED if max_wait_seconds > 0 else Verdict.LATE, _QUEUE_SECONDS)
            turn = max(now, state.blocked_until, self._turn(state, lane, tokens, now))
            if turn - now > max_wait_seconds:
                return Admission(Verdict.LATE, turn - now)
            state.turns.append((turn, tokens))
            state.running.add(call_id)
            if is_probe:
                state.probe_until = turn + settings.SHANNON_MODEL_TIMEOUT_SECONDS
            heard = self._window(lane.model, tenant, now)
            return Admission(Verdict.ADMITTED, turn - now, is_probe, window_tokens=heard)

    def _turn(self, state: _LaneState, lane: Lane, tokens: int, now: float) -> float:
        """Return the first moment at which the call fits, not before those that asked earlier."""
        period = settings.SHANNON_MODEL_RATE_PERIOD_SECONDS
        while state.turns and state.turns[0][0] <= now - period:
            state.turns.popleft()
        turn = max(now, state.turns[-1][0] if state.turns else now)
        for at, _ in list(state.turns):
            counted = [count for when, count in state.turns if when > turn - period]
            fits_requests = lane.limits.requests is None or len(counted) < lane.limits.requests
            fits_tokens = lane.limits.tokens is None or not counted or sum(counted) + tokens <= lane.limits.tokens
            if fits_requests and fits_tokens:
                break
            turn = max(turn, at + period)
        return turn

    def finish(
        self,
        lane: Lane,
        call_id: str,
        ended: CallEnded,
        *,
        admission: Admission,  # noqa: ARG002 - turns are kept here, not in buckets
        reserved_tokens: int,  # noqa: ARG002 - what was set aside stays counted
        tenant: str = "",
    ) -> None:
        """See `Gate.finish`."""
        now = time.monotonic()
        with self._lock:
            if ended.window_tokens is not None:
                self._windows[lane.model, tenant] = _Window(ended.window_tokens, now + WINDOW_SECONDS)
            state = self._lanes.setdefault(lane.name, _LaneState())
            state.running.discard(call_id)
            if ended.latency_seconds is not None:
                self._latencies.setdefault(lane.model, deque(maxlen=_LATENCIES)).append(ended.latency_seconds)
            if ended.end is CallEnd.FAILURE:
                _fail(state, now)
                return
            state.probe_until = 0.0
            if ended.end is CallEnd.SUCCESS:
                state.failures = state.opened = 0
                state.open_until = 0.0
            elif ended.end is CallEnd.LIMITED:
                state.blocked_until = now + pause_of(ended)

    def leave(self, lane: Lane, call_id: str, *, tokens: int, tenant: str = "", weight: int = 1) -> None:
        """There is no queue here: who waits asks again."""

    def window_tokens(self, model: str, tenant: str) -> int | None:
        """See `Gate.window_tokens`."""
        with self._lock:
            return self._window(model, tenant, time.monotonic())

    def _window(self, model: str, tenant: str, now: float) -> int | None:
        known = self._windows.get((model, tenant))
        return known.tokens if known is not None and now < known.until else None

    def p95_latency_seconds(self, model: str) -> float | None:
        """See `Gate.p95_latency_seconds`."""
        with self._lock:
            return p95(list(self._latencies.get(model, ())))


def _fail(state: _LaneState, now: float) -> None:
    """Count a failure; too many of them, or one of a probe, and the lane is left alone, twice as long each time."""
    if now - state.failed_at > settings.SHANNON_MODEL_BREAKER_WINDOW_SECONDS:
        state.failures = 0
    state.failures, state.failed_at = state.failures + 1, now
    was_probe = 0 < state.open_until <= now
    if was_probe or (not state.open_until and state.failures >= settings.SHANNON_MODEL_BREAKER_FAILURES):
        cooldown = settings.SHANNON_MODEL_BREAKER_COOLDOWN_SECONDS * 2**state.opened
        state.open_until = now + min(cooldown, settings.SHANNON_MODEL_BREAKER_COOLDOWN_MAX_SECONDS)
        state.opened, state.failures, state.probe_until = state.opened + 1, 0, 0.0
