"""Waiting for a turn: fairly, no longer than there is time, and never beyond a cancellation."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from agents.llm.gate.base import Admission, CallEnd, Gate, Lane, Verdict
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

    def finish(
        self,
        end: CallEnd,
        *,
        actual_tokens: int,
        latency_seconds: float | None = None,
        pause_seconds: float | None = None,
    ) -> None:
        """Tell how the call ended; see `Gate.finish`."""
        self.gate.finish(
            self.lane,
            self.call_id,
            end,
            admission=self.admission,
            reserved_tokens=self.tokens,
            actual_tokens=actual_tokens,
            latency_seconds=latency_seconds,
            pause_seconds=pause_seconds,
        )


def lane_enter(
    gate: Gate, lane: Lane, *, tokens: int, max_wait_seconds: float, checkpoint: Callable[[], None]
) -> Entered:
    """Wait for a turn.

    Args:
        gate: Who gives turns.
        lane: What is to be called.
        tokens: Prompt and allowed output.
        max_wait_seconds: How long at most; 0: now or not.
        checkpoint: Asked while waiting; what it raises ends the waiting.

    Raises:
        LaneRefused: There is none in time.
        Exception: What `checkpoint` raised.
    """
    call_id = uuid7().hex
    started = time.monotonic()
    end = started + max_wait_seconds
    while True:
        left_seconds = max(0.0, end - time.monotonic()) if max_wait_seconds else 0.0
        admission = gate.admit(lane, call_id, tokens=tokens, max_wait_seconds=left_seconds)
        if admission.verdict is not Verdict.QUEUED:
            break
        try:
            checkpoint()
        except BaseException:
            gate.leave(lane, call_id)
            raise
        pause(min(admission.wait_seconds, max(0.0, left_seconds)))
    if admission.verdict is not Verdict.ADMITTED:
        if lane.limits.max_concurrency is not None:
            gate.leave(lane, call_id)
        raise LaneRefused(admission)
    entered = Entered(gate, lane, call_id, admission, tokens, 0.0)
    _sit_out(entered, checkpoint)
    entered.waited_seconds = time.monotonic() - started
    return entered


def _sit_out(entered: Entered, checkpoint: Callable[[], None]) -> None:
    """Wait until the turn comes; who is cancelled meanwhile gives its tokens back."""
    turn = time.monotonic() + entered.admission.wait_seconds
    try:
        while (left_seconds := turn - time.monotonic()) > 0:
            checkpoint()
            pause(min(left_seconds, _LOOK_SECONDS))
    except BaseException:
        entered.finish(CallEnd.NEUTRAL, actual_tokens=0)
        raise
