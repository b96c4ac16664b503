"""The gate in Valkey: every worker sees the same. While Valkey is away, each process keeps a gate of its own."""

import threading
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import redis
import structlog
from django.conf import settings
from redis.exceptions import NoScriptError

from agents.llm.gate.base import BUCKETS, WINDOW_SECONDS, Admission, CallEnded, Gate, Lane, Verdict, pause_of
from agents.llm.gate.local import LocalGate
from agents.llm.gate.reckoning import p95
from agents.metrics import GATE_DEGRADED
from shannon_project.foundation.coroutines import outside
from shannon_project.foundation.together import Together
from shannon_project.foundation.valkey import valkey_client

log = structlog.get_logger(__name__)

_MILLISECONDS: Final = 1000
_AWAY_SECONDS: Final = (
    1.0  # after a failure Valkey is not asked for this long: each question would wait for its timeout
)
_LEASE_MORE_SECONDS: Final = 30.0  # a place of a worker that died is free again so long after its call must have ended
_LATENCIES_SECONDS: Final = 5.0
_TOGETHER_MAX: Final = 64
_WINDOWS_MAX: Final = 10_000
_QUEUE: Final = ("waiting", "heard", "turns")  # who waits, when each asked last, and each tenant's turn

_Run = tuple[str, list[str], list[Any]]
"""A script's name, keys and arguments."""


class ValkeyGate(Gate):
    """Two round trips a call, one before and one after; calls of the same moment share them, and a connection."""

    def __init__(self, local: Gate | None = None) -> None:
        """Make a gate; `local` stands in while Valkey is away."""
        self._local = local or LocalGate()
        self._away_until_monotonic_seconds = 0.0
        self._latencies: dict[str, tuple[float, float | None]] = {}
        self._windows: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()
        self._together: Together[None, _Run, Any] = Together(self._run_all, at_once=_TOGETHER_MAX)

    def admit(
        self, lane: Lane, call_id: str, *, tokens: int, max_wait_seconds: float, tenant: str = "", weight: int = 1
    ) -> Admission:
        """See `Gate.admit`."""
        arguments = [
            call_id,
            tokens,
            round(max_wait_seconds * _MILLISECONDS),
            lane.limits.requests or 0,
            lane.limits.tokens or 0,
            lane.limits.max_concurrency or 0,
            round(settings.SHANNON_MODEL_RATE_PERIOD_SECONDS * _MILLISECONDS),
            round((settings.SHANNON_MODEL_TIMEOUT_SECONDS + _LEASE_MORE_SECONDS) * _MILLISECONDS),
            round(settings.SHANNON_MODEL_TIMEOUT_SECONDS * _MILLISECONDS),
            BUCKETS,
            *_place(lane, call_id, tokens, tenant, weight),
        ]
        keys = [_key(lane, part) for part in ("state", "window", "running", *_QUEUE)]
        keys.append(_window_key(lane.model, tenant))
        found = self._run("admit", keys, arguments)
        if found is None:
            return self._local.admit(lane, call_id, tokens=tokens, max_wait_seconds=max_wait_seconds, tenant=tenant)
        verdict, wait_ms, is_probe, bucket, window = found
        self._heard(lane.model, tenant, int(window) or None)
        wait_seconds = float(wait_ms) / _MILLISECONDS
        return Admission(Verdict(verdict.decode()), wait_seconds, bool(is_probe), int(bucket), int(window) or None)

    def finish(
        self,
        lane: Lane,
        call_id: str,
        ended: CallEnded,
        *,
        admission: Admission,
        reserved_tokens: int,
        tenant: str = "",
    ) -> None:
        """See `Gate.finish`. A process's own gate is told too: it is what is left when Valkey goes away."""
        self._local.finish(lane, call_id, ended, admission=admission, reserved_tokens=reserved_tokens, tenant=tenant)
        if ended.window_tokens is not None:
            self._heard(lane.model, tenant, ended.window_tokens)
        arguments = [
            call_id,
            str(ended.end),
            ended.actual_tokens - reserved_tokens,
            admission.bucket,
            -1 if ended.latency_seconds is None else round(ended.latency_seconds * _MILLISECONDS),
            round(pause_of(ended) * _MILLISECONDS),
            settings.SHANNON_MODEL_BREAKER_FAILURES,
            round(settings.SHANNON_MODEL_BREAKER_WINDOW_SECONDS * _MILLISECONDS),
            round(settings.SHANNON_MODEL_BREAKER_COOLDOWN_SECONDS * _MILLISECONDS),
            round(settings.SHANNON_MODEL_BREAKER_COOLDOWN_MAX_SECONDS * _MILLISECONDS),
            ended.window_tokens or 0,
            round(WINDOW_SECONDS * _MILLISECONDS),
        ]
        keys = [_key(lane, part) for part in ("state", "window", "running")]
        keys += [_latencies_key(lane.model), _window_key(lane.model, tenant)]
        if not self.is_away():
            self._together.soon(None, ("finish", keys, arguments))

    def leave(self, lane: Lane, call_id: str, *, tokens: int, tenant: str = "", weight: int = 1) -> None:
        """See `Gate.leave`."""
        if not self.is_away():
            keys = [_key(lane, part) for part in _QUEUE]
            self._together.soon(None, ("leave", keys, _place(lane, call_id, tokens, tenant, weight)))

    def window_tokens(self, model: str, tenant: str) -> int | None:
        """See `Gate.window_tokens`."""
        return self._windows.get((model, tenant))

    def _heard(self, model: str, tenant: str, window_tokens: int | None) -> None:
        """Remember what Valkey said last, so that the next call can be trimmed before it asks for its turn."""
        if window_tokens is not None:
            if len(self._windows) >= _WINDOWS_MAX:
                self._windows.clear()
            self._windows[model, tenant] = window_tokens
        elif (model, tenant) in self._windows:
            self._windows.pop((model, tenant), None)

    def p95_latency_seconds(self, model: str) -> float | None:
        """See `Gate.p95_latency_seconds`; what was read is used for 5 s."""
        now = time.monotonic()
        with self._lock:
            known = self._latencies.get(model)
        if known is not None and now < known[0]:
            return known[1]
        measured = self._local.p95_latency_seconds(model)
        with self._reaching() as is_there:
            if is_there:
                values: Any = outside(lambda: _client().lrange(_latencies_key(model), 0, -1))
                measured = p95([int(value) / _MILLISECONDS for value in values])
        with self._lock:
            self._latencies[model] = (now + _LATENCIES_SECONDS, measured)
        return measured

    def _run(self, script: str, keys: list[str], arguments: list[Any]) -> Any:
        """Run a script, with those of whoever else asks at this moment; None: Valkey is away."""
        return None if self.is_away() else self._together.do(None, (script, keys, arguments))

    def _run_all(self, _key: None, runs: Sequence[_Run]) -> Sequence[Any]:
        """Run scripts in one round trip; None in place of each: Valkey is away."""
        found: Sequence[Any] = [None] * len(runs)
        with self._reaching() as is_there:
            if is_there:
                found = _scripts_run(runs)
        return found

    def _reaching(self) -> "_Reaching":
        return _Reaching(self)

    def is_away(self) -> bool:
        """Tell whether Valkey failed a moment ago."""
        return time.monotonic() < self._away_until_monotonic_seconds

    def went_away(self, error: Exception) -> None:
        """Leave Valkey alone for a moment."""
        self._away_until_monotonic_seconds = time.monotonic() + _AWAY_SECONDS
        GATE_DEGRADED.inc()
        log.warning("model_gate_degraded", error=str(error))


class _Reaching:
    """A block that asks Valkey; its failures end the block and are remembered, and nobody else sees them."""

    def __init__(self, gate: ValkeyGate) -> None:
        self._gate = gate

    def __enter__(self) -> bool:
        return not self._gate.is_away()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        if isinstance(error, redis.RedisError):
            self._gate.went_away(error)
            return True
        return False


def _key(lane: Lane, part: str) -> str:
    """Return a key; what is in braces keeps a lane's keys on one node of a cluster, and the model's latencies too."""
    return f"shannon:gate:{{{lane.model}}}:{lane.key_id}:{part}"


def _place(lane: Lane, call_id: str, tokens: int, tenant: str, weight: int) -> list[Any]:
    """Return a call's name in the queue, its tenant, and how much of that tenant's turns it takes."""
    cost = tokens if lane.limits.tokens is not None else 1
    share = f"{cost / weight:.6f}"
    return [f"{call_id}|{tenant}|{cost}|{share}", tenant, share]


def _window_key(model: str, tenant: str) -> str:
    return f"shannon:gate:{{{model}}}:context:{tenant}"


def _latencies_key(model: str) -> str:
    return f"shannon:gate:{{{model}}}:latencies"


def _scripts_run(runs: Sequence[_Run]) -> list[Any]:
    if len(runs) > 1:
        pipeline = _client().pipeline(transaction=False)
        for name, keys, arguments in runs:
            pipeline.evalsha(_script(name).sha, len(keys), *keys, *arguments)
        found: list[Any] = pipeline.execute(raise_on_error=False)
    else:
        found = [NoScriptError()]  # what a script object does by itself
    return [
        _script(run[0])(keys=run[1], args=run[2]) if isinstance(each, NoScriptError) else _good(each)
        for run, each in zip(runs, found, strict=True)
    ]


def _good(answer: Any) -> Any:
    if isinstance(answer, redis.RedisError):
        raise answer
    return answer


@cache
def _script(name: str) -> Any:
    return _client().register_script(Path(__file__).with_name(f"{name}.lua").read_text(encoding="utf-8"))


@cache
def _client() -> "redis.Redis":
    """One client, with its own pool of connections, per process."""
    return valkey_client(settings.CELERY_BROKER_URL, connect_timeout_seconds=0.5, timeout_seconds=0.5)
