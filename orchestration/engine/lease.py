"""Leases: what this process holds, and the one thread that keeps holding it."""

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction

from orchestration.engine.books import books_close
from orchestration.engine.claim import ClaimedStep
from orchestration.errors import CallAbandoned
from orchestration.metrics import STEPS_ABANDONED

log = structlog.get_logger(__name__)

SLOW_STEP_SECONDS = 0.25  # a drainer held up for longer hands back what it has claimed and not begun


@dataclass(slots=True)
class Lease:
    """One held step. The flags are set by the heartbeat and read by the step at its next boundary.

    `step_ends_at_seconds` and those of the calls under way are on `time.monotonic()`'s clock: what lasts longer hangs.
    """

    step_id: UUID
    attempt: int
    is_superseded: bool = False
    is_task_stopped: bool = False
    is_abandoned: bool = False
    step_ends_at_seconds: float = float("inf")
    call_ends_at_seconds: list[float] = field(default_factory=list)

    @property
    def hangs(self) -> bool:
        """Whether the step, or a call that it makes, has lasted longer than it may."""
        return time.monotonic() > min((self.step_ends_at_seconds, *self.call_ends_at_seconds))


@dataclass(slots=True)
class Batch:
    """Steps that one drainer claimed at once. It begins them in turn; the heartbeat may take back the rest."""

    task_id: UUID
    steps: list[ClaimedStep]
    leases: dict[UUID, Lease]
    at_work: Lease | None = None
    begun_at_seconds: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take_next(self) -> tuple[ClaimedStep, Lease] | None:
        """Return the next step to begin, or None when none is left."""
        with self._lock:
            if not self.steps:
                return None
            self.begun_at_seconds = time.monotonic()
            step = self.steps.pop(0)
            self.at_work = self.leases[step.step_id]
            return step, self.at_work

    def surrender(self, *, at_once: bool = False) -> list[Lease]:
        """Give up every step that has not begun, if the one at work has taken long, or at once."""
        with self._lock:
            is_slow = time.monotonic() - self.begun_at_seconds >= SLOW_STEP_SECONDS
            if not self.steps or not (is_slow or at_once):
                return []
            given_up = [self.leases.pop(step.step_id) for step in self.steps]
            self.steps.clear()
            return given_up


class LeaseKeeper:
    """Extends the leases of every batch that is registered, and tells their steps what it learns."""

    def __init__(self) -> None:
        self._by_id: dict[int, Batch] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._handed_back: set[UUID] = set()
        self.is_cut_off = False
        """True from a heartbeat that failed until the next that did not."""

    def hold(self, steps: Sequence[ClaimedStep]) -> Batch:
        """Register freshly claimed steps."""
        batch = Batch(
            steps[0].task_id, list(steps), {step.step_id: Lease(step.step_id, step.attempt) for step in steps}
        )
        with self._lock:
            self._by_id[id(batch)] = batch
        self.start()
        return batch

    def drop(self, batch: Batch) -> None:
        """Forget a batch whose steps have ended."""
        with self._lock:
            self._by_id.pop(id(batch), None)

    def start(self) -> None:
        """Start the thread once per process."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="lease-keeper", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop the thread and wait for it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5.0)

    def _run(self) -> None:
        while not self._stop.wait(settings.SHANNON_HEARTBEAT_SECONDS):
            try:
                self.beat()
                self.is_cut_off = False
            except (DatabaseError, InterfaceError) as error:
                self.is_cut_off = True
                log.warning("heartbeat_failed", error=str(error))
            except Exception:  # the outermost edge of this thread: without it every lease of the process would lapse
                log.exception("heartbeat_broke")
            finally:
                connection.close()

    def handed_back(self) -> set[UUID]:
        """Return the tasks of which a beat has handed back steps since this was last asked: others are to be told."""
        with self._lock:
            told, self._handed_back = self._handed_back, set()
        return told

    def held(self) -> list[Lease]:
        """Return the leases of steps at work that nobody has taken away."""
        with self._lock:
            at_work = [batch.at_work for batch in self._by_id.values()]
        return [lease for lease in at_work if lease is not None and not lease.is_superseded]

    def hung_threads(self) -> int:
        """Return how many threads are in a call that was given up; they come back when it returns, if ever."""
        with self._lock:
            at_work = [batch.at_work for batch in self._by_id.values()]
        return sum(lease is not None and lease.is_abandoned for lease in at_work)

    def beat(self) -> None:
        """Extend all leases in one statement; flag the steps that are lost or whose task has stopped.

        A step that hangs is not extended any more: its lease ends now, and whoever recovers gives it to another thread.
        """
        with self._lock:
            batches = list(self._by_id.values())
        hanging = [batch.at_work for batch in batches if batch.at_work is not None and batch.at_work.hangs]
        for lease in hanging:
            lease.is_abandoned = lease.is_superseded = True
        _abandon(hanging)
        surrendered: list[Lease] = []
        task_ids: set[UUID] = set()
        for batch in batches:
            if given_up := batch.surrender():
                surrendered += given_up
                task_ids.add(batch.task_id)
        leases = [lease for batch in batches for lease in list(batch.leases.values()) if not lease.is_abandoned]
        if leases:
            _extend(leases)  # first: handing back may wait for a task that somebody else holds
        if surrendered:
            leases_hand_back(surrendered)
            with self._lock:
                self._handed_back |= task_ids


def _abandon(leases: Sequence[Lease]) -> None:
    """End the leases of steps that hang and say why; a row that is locked just now is left to the next beat."""
    if not leases:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH mine AS (
                SELECT s.id FROM orchestration_step s
                JOIN unnest(%s::uuid[], %s::int[]) AS held(id, attempt) ON s.id = held.id AND s.attempt = held.attempt
                WHERE s.status = 'running' AND s.lease_until > now() FOR NO KEY UPDATE OF s SKIP LOCKED
            )
            UPDATE orchestration_step s SET lease_until = now(),
                error = jsonb_set(%s::jsonb, '{details}', jsonb_build_object('attempt', s.attempt))
            FROM mine WHERE s.id = mine.id RETURNING s.key
            """,
            [
                [lease.step_id for lease in leases],
                [lease.attempt for lease in leases],
                json.dumps(CallAbandoned().as_json()),
            ],
        )
        for (key,) in cursor.fetchall():
            STEPS_ABANDONED.inc()
            log.error("step_hangs", step_key=key)


def leases_hand_back(leases: Sequence[Lease]) -> None:
    """Give up steps that were not begun, are paused, or wait for a person.

    They are claimable again, unless a question of theirs is open: then they wait. Those of a task that has ended are
    cancelled, and what they used is counted. Locks the tasks first, like everyone who takes a step out of `running`.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        ids, attempts = [lease.step_id for lease in leases], [lease.attempt for lease in leases]
        cursor.execute(
            "SELECT id FROM orchestration_task WHERE id IN (SELECT task_id FROM orchestration_step WHERE id = ANY(%s))"
            " ORDER BY id FOR NO KEY UPDATE",
            [ids],
        )
        cursor.execute(
            "UPDATE orchestration_step s SET lease_owner = '', lease_until = NULL, rung_at = NULL, ready_at = now(),"
            " status = CASE WHEN t.status NOT IN ('QUEUED', 'RUNNING', 'PAUSED') THEN 'cancelled'"
            " WHEN EXISTS (SELECT 1 FROM orchestration_approval a WHERE a.step_id = s.id AND a.status = 'pending')"
            " THEN 'waiting' ELSE 'ready' END,"
            " completed_at = CASE WHEN t.status IN ('QUEUED', 'RUNNING', 'PAUSED') THEN NULL ELSE now() END"
            " FROM unnest(%s::uuid[], %s::int[]) AS held(id, attempt), orchestration_task t"
            " WHERE s.id = held.id AND s.attempt = held.attempt AND s.status = 'running' AND t.id = s.task_id"
            " RETURNING s.id, s.task_id, s.status",
            [ids, attempts],
        )
        books_close({step_id: task_id for step_id, task_id, status in cursor.fetchall() if status == "cancelled"})


def _extend(leases: Sequence[Lease]) -> None:
    """Extend; rows that are locked just now (their outcome is being written) are left for the next beat."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            WITH mine AS (
                SELECT s.id FROM orchestration_step s
                JOIN unnest(%s::uuid[], %s::int[]) AS held(id, attempt) ON s.id = held.id AND s.attempt = held.attempt
                WHERE s.status = 'running' FOR NO KEY UPDATE OF s SKIP LOCKED
            )
            UPDATE orchestration_step s SET lease_until = now() + make_interval(secs => %s)
            FROM mine WHERE s.id = mine.id
            """,
            [
                [lease.step_id for lease in leases],
                [lease.attempt for lease in leases],
                settings.SHANNON_LEASE_SECONDS,
            ],
        )
        cursor.execute(
            "SELECT s.id, s.attempt, s.status, t.status FROM orchestration_step s"
            " JOIN orchestration_task t ON t.id = s.task_id WHERE s.id = ANY(%s)",
            [[lease.step_id for lease in leases]],
        )
        seen = {row[0]: row[1:] for row in cursor.fetchall()}
    for lease in leases:
        attempt, step_status, task_status = seen.get(lease.step_id, (0, "", ""))
        lease.is_superseded = lease.is_superseded or attempt != lease.attempt or step_status != "running"
        lease.is_task_stopped = lease.is_task_stopped or task_status not in {"RUNNING", "PAUSED"}


KEEPER = LeaseKeeper()
