"""A worker process's life: warm up, keep leases, recover when nobody else does, serve metrics, notice deafness."""

import os
import signal
import threading
import time
from collections.abc import Callable, Collection
from typing import Any, Final

import structlog
from celery.signals import task_received, worker_init, worker_ready, worker_shutdown, worker_shutting_down
from celery.worker import state
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from prometheus_client import start_http_server

from agents.services import worker_load as agents_load
from agents.services import worker_shutdown as agents_shutdown
from agents.services import worker_warm
from orchestration.engine.control_desk import CONTROL_DESK
from orchestration.engine.crew import CREW
from orchestration.engine.departure import departure_begin
from orchestration.engine.dispatch import CONTROL_QUEUE, STEPS_QUEUE, ring_echo
from orchestration.engine.hearing import HearingWatch
from orchestration.engine.lease import KEEPER
from orchestration.engine.passing import PASSER
from orchestration.engine.presence import Presence
from orchestration.engine.recover import tasks_ring
from orchestration.engine.stopping import STOPPING
from orchestration.engine.turns import TURNS
from orchestration.metrics import WORKERS_DEAF
from orchestration.retention import months_keep
from orchestration.upkeep import upkeep
from shannon_project.foundation.memory import memory_thrift
from shannon_project.foundation.siblings import place
from shannon_project.foundation.switching import switches_pace
from shannon_project.foundation.tracing import tracing_start, tracing_stop

log = structlog.get_logger(__name__)

RECOVER_EVERY_INTERVALS: Final = (
    5  # beat recovers at every interval; a worker by itself less often, in case beat is away
)
HUNG_SHARE: Final = 0.25  # of a worker's threads: when so many are in calls that never return, the process is replaced


class RegularThread(threading.Thread):
    """Does something now and then; apart from the heartbeat, which must never wait for a lock or a broker."""

    def __init__(self, name: str, act: Callable[[], object], *, first_seconds: float, interval_seconds: float) -> None:
        super().__init__(name=name, daemon=True)
        self._act = act
        self._first_seconds = first_seconds
        self._interval_seconds = interval_seconds
        self._stop_asked = threading.Event()

    def run(self) -> None:
        """Act until told to stop."""
        wait_seconds = self._first_seconds
        while not self._stop_asked.wait(wait_seconds):
            wait_seconds = self._interval_seconds
            try:
                self._act()
            except Exception:  # the outermost edge of this thread: a turn that breaks must not be the last one
                log.exception("thread_broke", thread=self.name)
            finally:
                connection.close()

    def stop(self) -> None:
        """Stop after the turn that runs."""
        self._stop_asked.set()


_threads: list[RegularThread] = []
_presences: list[Presence] = []


def takes_steps(queues: Collection[str] | str | None) -> bool:
    """Tell whether a worker with this `-Q` runs steps; one that only advances needs no models and no sandbox."""
    names = queues.split(",") if isinstance(queues, str) else queues or ()
    return STEPS_QUEUE in names


def worker_load(queues: str) -> None:
    """Load what workers that are forked from this process will share: it has no thread and no connection afterwards."""
    if takes_steps(queues):
        agents_load()


@worker_init.connect
def _begin(sender: Any = None, **_: Any) -> None:
    """Load what is slow to load before the first step is claimed."""
    started = time.monotonic()
    switches_pace(0)
    TURNS.crowd_heed(switches_pace)
    memory_thrift()
    if takes_steps(sender.app.amqp.queues.consume_from):  # this signal comes without the worker's options
        try:
            worker_warm()
        except Exception as error:  # Celery swallows what a signal handler raises
            log.exception("worker_not_warm")
            raise SystemExit(1) from error  # a worker that is not whole takes no steps
    tracing_start("worker" if takes_steps(sender.app.amqp.queues.consume_from) else "control")
    if settings.SHANNON_WORKER_METRICS_PORT:
        start_http_server(settings.SHANNON_WORKER_METRICS_PORT + place())
    log.info("worker_warm", seconds=round(time.monotonic() - started, 2))


@worker_ready.connect
def _ready(sender: Any = None, **_: Any) -> None:
    """Keep leases and recover from now on; what an earlier worker lost is taken back at the first pass."""
    KEEPER.start()
    ping_seconds = settings.SHANNON_WORKER_PING_SECONDS
    watch = HearingWatch(
        lambda: ring_echo(sender.hostname, expires_seconds=ping_seconds * 10),
        is_full=_is_full,
        patience_turns=settings.SHANNON_WORKER_DEAF_PINGS,
    )
    task_received.connect(lambda **_: watch.hear(), weak=False)
    recover_seconds = settings.SHANNON_RECOVER_INTERVAL_SECONDS * RECOVER_EVERY_INTERVALS
    _threads[:] = [
        RegularThread(
            "recovery", upkeep, first_seconds=settings.SHANNON_HEARTBEAT_SECONDS, interval_seconds=recover_seconds
        ),
        RegularThread("hearing", lambda: _listen(watch), first_seconds=ping_seconds, interval_seconds=ping_seconds),
    ]
    _threads.append(
        RegularThread(
            "months", months_keep, first_seconds=ping_seconds, interval_seconds=settings.SHANNON_MONTHS_INTERVAL_SECONDS
        )
    )
    if CONTROL_QUEUE in sender.app.amqp.queues.consume_from:
        CONTROL_DESK.capacity_set(sender.controller.concurrency)
    if takes_steps(sender.app.amqp.queues.consume_from):
        TURNS.capacity_set(sender.controller.concurrency)
        CREW.size_set(sender.controller.concurrency)
        PASSER.start()
        presence = Presence(f"{sender.hostname}:{os.getpid()}", sender.controller.concurrency)
        _presences.append(presence)
        hung_most = max(1, int(sender.controller.concurrency * HUNG_SHARE))
        beat_seconds = settings.SHANNON_HEARTBEAT_SECONDS
        _threads.append(
            RegularThread(
                "hung", lambda: _look_for_hung(hung_most), first_seconds=beat_seconds, interval_seconds=beat_seconds
            )
        )
        _threads.append(
            RegularThread("handed-back", _ring_handed_back, first_seconds=beat_seconds, interval_seconds=beat_seconds)
        )
        _threads.append(
            RegularThread(
                "presence", presence.tell, first_seconds=0.0, interval_seconds=settings.SHANNON_PRESENCE_SECONDS
            )
        )
    for thread in _threads:
        thread.start()


def _is_full() -> bool:
    """Whether messages that came wait for a thread: then it is no wonder that no other one comes."""
    return len(state.reserved_requests) > len(state.active_requests)


def _listen(watch: HearingWatch) -> None:
    if watch.turn():
        make_room()


def _ring_handed_back() -> None:
    """Tell others of steps that the heartbeat handed back, because the one before them is long."""
    if task_ids := KEEPER.handed_back():
        tasks_ring(task_ids)


def _look_for_hung(most: int) -> None:
    """End this process when too many of its threads are in calls that were given up: a new one has all of them."""
    if KEEPER.hung_threads() >= most and not STOPPING.is_begun:
        log.error("worker_has_hung_threads", threads=KEEPER.hung_threads())
        os.kill(os.getpid(), signal.SIGTERM)


@worker_shutting_down.connect
def _leave(**_: Any) -> None:
    """Claim nothing from now on; sent in the signal's handler, so the rest is done in a thread."""
    departure_begin()


def make_room() -> None:
    """End this process so that its supervisor starts one that hears. Claimed steps end first, if they end in time.

    What does not end in time is taken back when its lease lapses, and goes on from its journal.
    """
    WORKERS_DEAF.inc()
    log.error("worker_deaf", grace_seconds=settings.SHANNON_WORKER_DEAF_GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(settings.SHANNON_WORKER_DEAF_GRACE_SECONDS)
    log.error("worker_deaf_and_stuck")
    os._exit(1)


@worker_shutdown.connect
def _end(**_: Any) -> None:
    """Stop the threads and the sandbox's hosts, send what is left of traces."""
    for thread in _threads:
        thread.stop()
    KEEPER.stop()
    PASSER.stop()
    agents_shutdown()
    for presence in _presences:
        try:
            presence.leave()
        except (DatabaseError, InterfaceError) as error:
            log.warning("presence_not_taken_back", error=str(error))
    tracing_stop()
