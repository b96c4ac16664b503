"""Failpoints: named seams at which a test lets a process die or stand still. For tests of faults; inert otherwise.

`SHANNON_FAILPOINTS` names them, separated by commas: `effect.performed` kills the process when it first comes to that
seam, `effect.performed:3` at the third time, `effect.performed/tool` at the first of that sort, and
`effect.performed=stop` makes it stand still (SIGSTOP) until it is told to go on (SIGCONT).
"""

import re
import signal
import threading
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from shannon_project.foundation.errors import ShannonError


class Seam(StrEnum):
    """Where a process may die. What comes before the seam has happened, what comes after it has not."""

    SUBMIT_COMMIT = "submit.commit"  # the task is inserted and not committed
    SUBMIT_RING = "submit.ring"  # the task is committed, nobody was told
    SUBMIT_ANSWER = "submit.answer"  # workers were told, the client has no answer
    ADVANCE_COMMIT = "advance.commit"  # the next steps, or the end, are written and not committed; `/` task's status
    ADVANCE_DISPATCH = "advance.dispatch"  # they are committed, nobody was told
    ADVANCE_DISPATCHED = "advance.dispatched"  # workers were told
    STEP_CLAIMED = "step.claimed"  # a step is ours and not begun
    EFFECT_STARTED = "effect.started"  # its start is recorded, it has not happened; `/` its journal kind
    EFFECT_PERFORMED = "effect.performed"  # it has happened, that is not recorded; `/` its journal kind
    EFFECT_RECORDED = "effect.recorded"  # its outcome is recorded; `/` its journal kind
    OUTCOME_COMMIT = "outcome.commit"  # the step's outcome is written and not committed
    OUTCOME_COMMITTED = "outcome.committed"  # it is committed, nobody was told


class FailpointUnknown(ShannonError):
    """`SHANNON_FAILPOINTS` is not a list of failpoints; `details.known` has the seams. Whoever set it."""

    code = "FAILPOINT_UNKNOWN"


@dataclass(slots=True)
class _Failpoint:
    seam: Seam
    sort: str
    hits_left: int
    signal: signal.Signals
    lock: threading.Lock = field(default_factory=threading.Lock)

    def hit(self) -> None:
        with self.lock:
            self.hits_left -= 1
            is_due = self.hits_left == 0
        if is_due:
            # To this thread, so that it does not go one line further; the process stops or dies as a whole.
            signal.pthread_kill(threading.get_ident(), self.signal)


_FORM: Final = re.compile(r"(?P<seam>[a-z.]+)(?:/(?P<sort>\w+))?(?::(?P<hits>[1-9]\d*))?(?:=(?P<action>kill|stop))?")
_armed: list[_Failpoint] = []


def failpoints_arm(named: str) -> None:
    """Arm the failpoints that a setting names, and no others.

    Args:
        named: As the module's docstring says; empty for none.

    Raises:
        FailpointUnknown: It names something else.
    """
    _armed[:] = [_failpoint(word.strip()) for word in named.split(",") if word.strip()]


def hit(seam: Seam, sort: str = "") -> None:
    """Die or stand still here if this seam's failpoint is armed and due; costs one look at an empty list otherwise.

    Args:
        seam: Where the process is.
        sort: What it is about, where a seam serves several sorts: the journal kind of an effect, a task's status.
    """
    for failpoint in _armed:
        if failpoint.seam is seam and failpoint.sort in {"", sort}:
            failpoint.hit()


def _failpoint(word: str) -> _Failpoint:
    found = _FORM.fullmatch(word)
    if found is None or found["seam"] not in set(Seam):
        known = [str(seam) for seam in Seam]
        raise FailpointUnknown(
            f"SHANNON_FAILPOINTS: there is no failpoint {word[:80]!r}; there are {', '.join(known)}.",
            details={"known": known},
        )
    action = signal.SIGSTOP if found["action"] == "stop" else signal.SIGKILL
    return _Failpoint(Seam(found["seam"]), found["sort"] or "", int(found["hits"] or 1), action)
