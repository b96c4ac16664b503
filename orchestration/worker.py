"""A worker process's life: warm up, keep leases, recover when nobody else does, serve metrics."""

import time
from typing import Any

import structlog
from celery.signals import worker_init, worker_ready, worker_shutdown
from django.conf import settings
from prometheus_client import start_http_server

from agents.services import worker_shutdown as agents_shutdown
from agents.services import worker_warm
from orchestration.engine.lease import KEEPER
from orchestration.engine.recover import recover

log = structlog.get_logger(__name__)

RECOVER_EVERY_INTERVALS = 5  # beat recovers at every interval; a worker by itself less often, in case beat is away


class _IdleRecovery:
    """Called at each heartbeat; runs a recovery pass now and then."""

    def __init__(self) -> None:
        self._next_at_seconds = 0.0

    def __call__(self) -> None:
        now = time.monotonic()
        if now >= self._next_at_seconds:
            self._next_at_seconds = now + settings.SHANNON_RECOVER_INTERVAL_SECONDS * RECOVER_EVERY_INTERVALS
            recover()


@worker_init.connect
def _begin(**_: Any) -> None:
    """Load what is slow to load before the first step is claimed."""
    started = time.monotonic()
    worker_warm()
    if settings.SHANNON_WORKER_METRICS_PORT:
        start_http_server(settings.SHANNON_WORKER_METRICS_PORT)
    log.info("worker_warm", seconds=round(time.monotonic() - started, 2))


@worker_ready.connect
def _ready(**_: Any) -> None:
    """Keep leases and recover from now on; what an earlier worker lost is taken back at the first pass."""
    KEEPER.start(idle_work=_IdleRecovery())


@worker_shutdown.connect
def _end(**_: Any) -> None:
    """Stop the heartbeat and the sandbox's hosts."""
    KEEPER.stop()
    agents_shutdown()
