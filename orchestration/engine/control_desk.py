"""What a control job does: it advances the tasks whose turn it is, until nobody is in line."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Final
from uuid import UUID

import redis
import structlog
from django.db import DatabaseError, InterfaceError, connection

from orchestration.engine.advance import Advanced, task_advance
from orchestration.engine.dispatch import ring_line
from orchestration.engine.line import LINE, Charge, Line, Turn
from orchestration.engine.stopping import STOPPING
from orchestration.engine.turns import TURNS
from policy.selectors import tenant_weights

log = structlog.get_logger(__name__)

JOB_SECONDS: Final = 1.0  # then another job goes on, so that other jobs of the queue get a thread
# A task was begun for which there is no thread: the next one of its tenant need not begin at once, and what begins it,
# here and in Postgres, is better left to whoever has work for it. Of its time so many parts are then left to others.
LEFT_PARTS: Final = 3
LEFT_MOST_SECONDS: Final = 0.1
WEIGHTS_SECONDS: Final = 5.0  # how old may be what is known of tenants' weights


class ControlDesk:
    """The control jobs of one process. Thread-safe.

    A tenant has half of its threads at most, so who comes finds one free however much another has in line, and shares
    the interpreter with few.
    """

    def __init__(
        self,
        line: Line = LINE,
        advance: Callable[[UUID], object] = task_advance,
        weights: Callable[[], dict[UUID, int]] = tenant_weights,
        rest: Callable[[float], object] = time.sleep,
    ) -> None:
        """Make one for a line.

        Args:
            line: Who is to be served.
            advance: Moves one task on.
            weights: Reads those of tenants that have one.
            rest: Waits for so many seconds.
        """
        self._line = line
        self._advance = advance
        self._rest = rest
        self._lock = threading.Lock()
        self._at_work: Counter[UUID] = Counter()
        self._threads, self._most = 4, 2
        self._read_weights = weights
        self._weights: dict[UUID, int] = {}
        self._weights_until_seconds = 0.0

    def capacity_set(self, threads: int) -> None:
        """Say how many threads the process has for control jobs."""
        self._threads, self._most = threads, max(threads // 2, 1)

    def serve(self, task_id: UUID, *, tenant_id: UUID | None = None) -> int:
        """Advance whoever's turn it is, one after another. Returns how many turns there were.

        Args:
            task_id: The task of which the message told. It is advanced in its turn, by this job or another one; at once
                when the line cannot be reached.
            tenant_id: Whose it is, if it is not in line yet.
        """
        try:
            if tenant_id is not None:
                self._line.put([Turn(task_id, tenant_id)])
            turn = self._take(None)
        except redis.RedisError as error:
            log.warning("line_not_reached", error=str(error))
            self._advance(task_id)
            return 1
        return self._serve_from(turn)

    def _serve_from(self, turn: Turn | None) -> int:
        ends_at_seconds, served = time.monotonic() + JOB_SECONDS, 0
        while turn is not None:
            charge = self._turn(turn)
            served += 1
            is_over = STOPPING.is_begun or time.monotonic() > ends_at_seconds
            try:
                if is_over and ring_line(turn.task_id):
                    self._line.pay(charge)
                    break
                turn = self._take(charge)
            except redis.RedisError as error:
                log.warning("line_not_reached", error=str(error))
                break  # who is still in line is rung for again, from Postgres if the line is lost
        return served

    def _take(self, charge: Charge | None) -> Turn | None:
        """Take a turn and note it, in one go: whoever looks at the line finds here who may not be served."""
        with self._lock:
            passed_over = [tenant_id for tenant_id, count in self._at_work.items() if count >= self._most]
            turn = self._line.take(passed_over=passed_over, charge=charge)
            if turn is not None:
                self._at_work[turn.tenant_id] += 1
            return turn

    def _turn(self, turn: Turn) -> Charge:
        started, weight = time.monotonic(), self._weight(turn.tenant_id)
        seconds = 0.0
        try:
            with TURNS.drainer(turn.tenant_id, weight=weight):
                TURNS.give_way()
                started = time.monotonic()
                advanced = self._advance(turn.task_id)
                seconds = time.monotonic() - started
            if advanced is Advanced.WAITS and self._threads > self._most:  # others have a thread meanwhile
                self._rest(min(seconds * LEFT_PARTS, LEFT_MOST_SECONDS))
        except Exception as error:  # an outermost edge: the tasks behind it must not wait for this one
            log.exception("task_not_advanced", task_id=str(turn.task_id))
            if isinstance(error, DatabaseError | InterfaceError):
                connection.close()
        finally:
            with self._lock:
                self._at_work[turn.tenant_id] -= 1
                if not self._at_work[turn.tenant_id]:
                    del self._at_work[turn.tenant_id]
        return Charge(turn.tenant_id, (seconds or time.monotonic() - started) / weight)

    def _weight(self, tenant_id: UUID) -> int:
        """Return a tenant's weight; one query for all of them, once in a while."""
        now_seconds = time.monotonic()
        if now_seconds > self._weights_until_seconds:
            self._weights_until_seconds = now_seconds + WEIGHTS_SECONDS
            try:
                self._weights = self._read_weights()
            except (DatabaseError, InterfaceError) as error:
                log.warning("weights_not_read", error=str(error))
                connection.close()
        return self._weights.get(tenant_id, 1)


CONTROL_DESK = ControlDesk()
