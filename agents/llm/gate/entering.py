"""Waiting for a turn: fairly, no longer than there is time, and never beyond a cancellation."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from agents.llm.gate.base import Admission, CallEnd, CallEnded, Gate, Lane, Verdict
from shannon_project.foundation.coroutines import pause
from shannon_project.foundation.ids import uuid7

_LOOK_SECONDS: Final = 0.25  # how long a cancelled step may go on waiting


class LaneRefused(Exception):
    """There is no turn in time: the lane is left alone (`OPEN`) or full (`LATE`)."""

    def __init__(self, admission: Admission) -> None:
        """Make the refusal of a verdict."""
        super().__init__(admission.verdict)
        self.admission = admission


@dataclass(slots=True)
class Entered:
    """A turn that was given; `finish` is called once, when the call has ended."""

    gate: Gate
    lane: Lane
    call_id: str
    admission: Admission
    tokens: int
    waited_seconds: float
    tenant: str = ""

    def finish(self, ended: CallEnded) -> None:
        """Tell how the call ended."""
        self.gate.finish(
            self.lane,
            self.call_id,
            ended,
            tenant=self.tenant,
            admission=self.admission,
            reserved_tokens=self.tokens,
        )


def lane_enter(
    gate: Gate,
    lane: Lane,
    *,
    tokens: int,
    max_wait_seconds: float,
    checkpoint: Callable[[], None],
    tenant: str = "",
    weight: int = 1,
) -> Entered:
    """Wait for a turn.

    Args:
        gate: Who gives turns.
        lane: What is to be called.
        tokens: Prompt and allowed output.
        max_wait_seconds: How long at most; 0: now or not.
        checkpoint: Asked while waiting; what it raises ends the waiting.
        tenant: Whose call it is: where calls wait, tenants take turns.
        weight: See `Gate.admit`.

    Raises:
        LaneRefused: There is none in time.
        Exception: What `checkpoint` raised.
    """
    started = time.monotonic()
    queue = _Queue(gate, lane, uuid7().hex, tokens, tenant, weight)
    try:
        admission = queue.wait(started + max_wait_seconds if max_wait_seconds else None, checkpoint)
    except BaseException:
        queue.leave()
        raise
    if admission.verdict is not Verdict.ADMITTED:
        queue.leave()
        raise LaneRefused(admission)
    entered = Entered(gate, lane, queue.call_id, admission, tokens, 0.0, tenant)
    try:
        _wait(admission.wait_seconds, checkpoint)
    except BaseException:  # who is cancelled meanwhile gives its tokens back
        entered.finish(CallEnded(CallEnd.NEUTRAL))
        raise
    entered.waited_seconds = time.monotonic() - started
    return entered


@dataclass(slots=True)
class _Queue:
    """A call that asks for its turn; `is_in` while it has a place in the queue."""

    gate: Gate
    lane: Lane
    call_id: str
    tokens: int
    tenant: str
    weight: int
    is_in: bool = False

    def wait(self, end: float | None, checkpoint: Callable[[], None]) -> Admission:
        """Ask until there is a verdict that stands. `end` None: it is to be now or not."""
        while True:
            left_seconds = 0.0 if end is None else max(0.0, end - time.monotonic())
            admission = self.gate.admit(
                self.lane,
                self.call_id,
                tokens=self.tokens,
                max_wait_seconds=left_seconds,
                tenant=self.tenant,
                weight=self.weight,
            )
            if admission.verdict is not Verdict.QUEUED:
                return admission
            self.is_in = True
            _wait(min(admission.wait_seconds, left_seconds), checkpoint)

    def leave(self) -> None:
        """Give the place up, if there is one."""
        if self.is_in:
            self.gate.leave(self.lane, self.call_id, tokens=self.tokens, tenant=self.tenant, weight=self.weight)


def _wait(seconds: float, checkpoint: Callable[[], None]) -> None:
    turn = time.monotonic() + seconds
    while (left_seconds := turn - time.monotonic()) > 0:
        checkpoint()
        pause(min(left_seconds, _LOOK_SECONDS))
