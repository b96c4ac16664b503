"""Who computes now, among the tenants whose steps one process runs; and who may have a thread of it.

Slots (`fairness.py`) share threads. But the threads of a process share one interpreter: a tenant whose steps only
compute would slow down everybody else's, however few threads it has. So processor time is shared as well, by virtual
time (start-time fair queueing, Goyal, Vin and Cheng 1996): a tenant that comes is let before those that have computed
for long, until it has had as much. Drainers of the others stand still meanwhile, between two steps or before an effect,
and go on as soon as those that they let pass wait for something else, a model perhaps.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from django.conf import settings

from orchestration.engine.fairness import shared_slots

SHORT_STEP_DRAINERS: Final = 2  # of one task in one process: more would wait for the interpreter, not for Postgres
CREDIT_SECONDS: Final = 0.2  # of processor time that who comes is ahead of those who have computed all the while
SLACK_SECONDS: Final = 0.02  # tenants whose service differs by less do not wait for each other
LOOK_SECONDS: Final = 0.008  # how often somebody who stands still looks whether the others compute
COMPUTES_SHARE: Final = 0.2  # of the time between two looks: who has used less waits for something else
STAND_SECONDS: Final = 0.1  # the longest that a tenant stands still
WORK_SECONDS: Final = 0.02  # what it then has before it stands still again
KEPT_THREADS: Final = 2
REMEMBERED_TENANTS: Final = 1000


def thread_cpu_seconds(ident: int) -> float:
    """Return the processor time of a thread of this process that lives; 0 where the system does not tell."""
    clock_of = getattr(time, "pthread_getcpuclockid", None)
    return time.clock_gettime(clock_of(ident)) if clock_of else 0.0


def _nobody_heeds(_drainers: int) -> None:
    """Where no worker runs, nothing depends on how many there are."""


@dataclass(slots=True)
class _Tenant:
    """What a tenant has had, and its drainers here: by thread, the processor time up to which it was counted."""

    weight: int = 1
    served_seconds: float = 0.0
    threads: dict[int, float] = field(default_factory=dict)
    computes: bool = True
    window_since_seconds: float = 0.0
    window_used_seconds: float = 0.0
    stands_since_seconds: float | None = None
    works_until_seconds: float = 0.0

    def count(self, ident: int, cpu_seconds: float) -> None:
        """Count what a thread has computed, by its clock."""
        used_seconds = cpu_seconds - self.threads[ident]
        self.threads[ident] = cpu_seconds
        self.served_seconds += used_seconds / self.weight
        self.window_used_seconds += used_seconds


class Turns:
    """The drainers of one process. Thread-safe."""

    def __init__(
        self,
        *,
        cpu_seconds: Callable[[int], float] = thread_cpu_seconds,
        now_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make one without drainers; the clocks are given in tests."""
        self._cpu_seconds = cpu_seconds
        self._now_seconds = now_seconds
        self._changed = threading.Condition()
        self._tenants: dict[UUID, _Tenant] = {}
        self._present: dict[UUID, _Tenant] = {}
        self._tenant_of: dict[int, UUID] = {}
        self._seats: dict[int, UUID] = {}
        self._hurried: Counter[UUID] = Counter()
        self._virtual_seconds = 0.0
        self._looked_at_seconds = now_seconds()
        self._capacity: int | None = None
        self._crowd_heeded: Callable[[int], object] = _nobody_heeds

    def crowd_heed(self, heed: Callable[[int], object]) -> None:
        """Have somebody told, whenever a drainer comes or goes, how many there are. It is called with a lock held."""
        self._crowd_heeded = heed

    def capacity_set(self, threads: int | None) -> None:
        """Say how many threads the process has for drainers; None: nobody is refused."""
        self._capacity = threads

    @contextmanager
    def drainer(self, tenant_id: UUID, *, weight: int | None = None, takes_thread: bool = True) -> Iterator[bool]:
        """Surround this thread's drainer of a tenant. Yields False when the tenant has all threads that it may have.

        There are never more of them than the capacity says, although threads are more: Celery's and those of crews
        (`crew.py`). The reserve of a process is for the first drainer of a tenant only. Postgres knows what tenants
        hold but for an instant, between two steps of a drainer; here it is known exactly. What is done for a tenant in
        a thread that is not one of those (`takes_thread`) is never refused. No `weight`: the one that was told last.
        """
        ident = threading.get_ident()
        if not self._enter(tenant_id, weight, ident, takes_thread=takes_thread):
            yield False
            return
        try:
            yield True
        finally:
            self._leave(tenant_id, ident)

    @contextmanager
    def hurry(self) -> Iterator[Callable[[UUID], bool]]:
        """Yield a function that asks whether this drainer may do a task's steps that prove short; once is for all.

        So many drainers do them as can use the interpreter while others wait for Postgres; a further one is to end.
        """
        granted: list[UUID] = []

        def may(task_id: UUID) -> bool:
            with self._changed:
                if not granted and self._hurried[task_id] < SHORT_STEP_DRAINERS:
                    self._hurried[task_id] += 1
                    granted.append(task_id)
            return bool(granted)

        try:
            yield may
        finally:
            with self._changed:
                self._hurried.subtract(granted)
                self._hurried += Counter()  # drops those that are zero

    def give_way(self) -> bool:
        """Stand still while a tenant computes that has had less; at most for `STAND_SECONDS`. Returns whether it did.

        Asked where nothing is locked. Costs nothing while the process runs steps of one tenant only.
        """
        if len(self._present) < 2:
            return False
        stood = False
        with self._changed:
            tenant_id = self._tenant_of.get(threading.get_ident())
            mine = self._present.get(tenant_id) if tenant_id else None
            while mine is not None and self._stands(mine):
                stood = True
                self._changed.wait(LOOK_SECONDS)
        return stood

    def _enter(self, tenant_id: UUID, weight: int | None, ident: int, *, takes_thread: bool) -> bool:
        with self._changed:
            tenant = self._tenants.setdefault(tenant_id, _Tenant())
            if takes_thread:
                if self._is_full_for(tenant_id):
                    return False
                self._seats[ident] = tenant_id
            if not tenant.threads:
                self._look()
                tenant.weight = weight or tenant.weight
                credit = CREDIT_SECONDS / tenant.weight
                tenant.served_seconds = max(tenant.served_seconds, self._virtual_seconds - credit)
                tenant.stands_since_seconds, tenant.works_until_seconds = None, 0.0
                self._present[tenant_id] = tenant
            tenant.threads[ident] = self._cpu_seconds(ident)
            tenant.computes, tenant.window_since_seconds = True, self._looked_at_seconds
            tenant.window_used_seconds = 0.0
            self._tenant_of[ident] = tenant_id
            self._crowd_heeded(len(self._tenant_of))
            return True

    def _is_full_for(self, tenant_id: UUID) -> bool:
        """Whether all threads are taken, or all but the reserve and the tenant has one."""
        if self._capacity is None:
            return False
        kept = 0
        if tenant_id in self._seats.values():
            reserve = self._capacity - shared_slots(self._capacity, settings.SHANNON_RESERVED_SHARE)
            # Messages fall unevenly on processes: of a large reserve half is for the process that got more of them.
            kept = min(reserve, max(KEPT_THREADS, reserve // 2))
        return len(self._seats) >= self._capacity - kept

    def _leave(self, tenant_id: UUID, ident: int) -> None:
        with self._changed:
            tenant = self._present[tenant_id]
            if len(tenant.threads) == 1:
                self._look()
            else:
                tenant.count(ident, self._cpu_seconds(ident))  # of hundreds that leave, each looks at itself
            del self._tenant_of[ident]
            self._crowd_heeded(len(self._tenant_of))
            self._seats.pop(ident, None)
            del tenant.threads[ident]
            if not tenant.threads:
                del self._present[tenant_id]
                self._forget()
                self._changed.notify_all()

    def _forget(self) -> None:
        """Forget tenants that would begin with their whole credit anyway, when there are many."""
        if len(self._tenants) > REMEMBERED_TENANTS:
            line = self._virtual_seconds - CREDIT_SECONDS
            kept = {key: one for key, one in self._tenants.items() if one.threads or one.served_seconds > line}
            self._tenants = kept

    def _stands(self, mine: _Tenant) -> bool:
        now = self._now_seconds()
        if now < mine.works_until_seconds:
            return False
        if now - self._looked_at_seconds >= LOOK_SECONDS:
            self._look()
        lets_pass = any(
            other.computes and other.served_seconds + SLACK_SECONDS < mine.served_seconds
            for other in self._present.values()
        )
        since = mine.stands_since_seconds
        if lets_pass and (since is None or now - since < STAND_SECONDS):
            if since is None:
                self._stop(mine)
            return True
        if since is not None:  # long enough, or those that it let pass wait for something else
            mine.stands_since_seconds, mine.works_until_seconds = None, now + WORK_SECONDS
        return False

    def _stop(self, mine: _Tenant) -> None:
        """Let a tenant stand still; whether the others compute is seen from now on, when they have the interpreter."""
        mine.stands_since_seconds = self._now_seconds()
        self._look()
        for tenant in self._present.values():
            tenant.window_since_seconds, tenant.window_used_seconds = self._looked_at_seconds, 0.0

    def _look(self) -> None:
        """Count what every tenant has computed since the last look, and see who computes.

        While somebody stands still, who uses little of the interpreter waits for something else. While nobody does, it
        may be that it does not get it: then the smallest part of it counts.
        """
        now = self._looked_at_seconds = self._now_seconds()
        least_share = COMPUTES_SHARE if any(t.stands_since_seconds is not None for t in self._present.values()) else 0.0
        for tenant in self._present.values():
            for ident in tenant.threads:
                tenant.count(ident, self._cpu_seconds(ident))
            window_seconds = now - tenant.window_since_seconds
            if window_seconds >= LOOK_SECONDS:
                tenant.computes = tenant.window_used_seconds > least_share * window_seconds
                tenant.window_since_seconds, tenant.window_used_seconds = now, 0.0
        if self._present:
            slowest = min(tenant.served_seconds for tenant in self._present.values())
            self._virtual_seconds = max(self._virtual_seconds, slowest)


TURNS = Turns()
