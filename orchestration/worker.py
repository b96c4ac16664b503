"""A worker process's life: warm up, keep leases, recover when nobody else does, serve metrics."""

import threading
import time
from typing import Any

import structlog
from celery.signals import worker_init, worker_ready, worker_shutdown
from django.conf import settings
from django.db import connection
from prometheus_client import start_http_server

from agents.services import worker_shutdown as agents_shutdown
from agents.services import worker_warm
from orchestration.engine.lease import KEEPER
from orchestration.engine.recover import recover

log = structlog.get_logger(__name__)

RECOVER_EVERY_INTERVALS = 5  # beat recovers at every interval; a worker by itself less often, in case beat is away


class RecoveryThread(threading.Thread):
    """Runs a recovery pass now and then; apart from the heartbeat, which must never wait for a lock or a broker."""

    def __init__(self) -> None:
        super().__init__(name="recovery", daemon=True)
        self._stop_asked = threading.Event()

    def run(self) -> None:
        """Recover until told to stop."""
        interval = settings.SHANNON_RECOVER_INTERVAL_SECONDS * RECOVER_EVERY_INTERVALS
        wait_seconds = settings.SHANNON_HEARTBEAT_SECONDS
        while not self._stop_asked.wait(wait_seconds):
            wait_seconds = interval
            try:
                recover()
            except Exception:  # the outermost edge of this thread: a pass that breaks must not be the last one
                log.exception("recovery_broke")
            finally:
                connection.close()

    def stop(self) -> None:
        """Stop after the pass that runs."""
        self._stop_asked.set()


_recovery = RecoveryThread()


@worker_init.connect
def _begin(**_: Any) -> None:
    """Load what is slow to load before the first step is claimed."""
    started = time.monotonic()
    try:
        worker_warm()
    except (
        Exception
    ) as error:  # Celery swallows what a signal handler raises; a worker that is not whole takes no steps
        log.exception("worker_not_warm")
        raise SystemExit(1) from error
    if settings.SHANNON_WORKER_METRICS_PORT:
        start_http_server(settings.SHANNON_WORKER_METRICS_PORT)
    log.info("worker_warm", seconds=round(time.monotonic() - started, 2))


@worker_ready.connect
def _ready(**_: Any) -> None:
    """Keep leases and recover from now on; what an earlier worker lost is taken back at the first pass."""
    KEEPER.start()
    _recovery.start()


@worker_shutdown.connect
def _end(**_: Any) -> None:
    """Stop the heartbeat and the sandbox's hosts."""
    _recovery.stop()
    KEEPER.stop()
    agents_shutdown()
