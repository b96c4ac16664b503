"""Looks after a guest that runs on the thread which has to answer for it.

To hand a guest to a thread of its own and to be woken at its end takes longer than many a program. So it runs where its
request was read, and a second thread looks after it: that one is woken by a timer which a short program never lets run
out. It collects what the guest prints, so that no full pipe holds the guest back, and gives it up at the first limit
that it hits. Then the thread of the guest is lost, and the one that looked answers in its place.
"""

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.runtimes.descriptors import Descriptors
from sandbox.runtimes.endings import TICK_SECONDS, Captured
from sandbox.types import Outcome

_SHORT_SECONDS = 0.003  # how long a guest runs before it is looked after, and a full pipe may hold it back until then
_OVER = {signal.SIGALRM}  # says that this time is over


@dataclass(frozen=True, slots=True)
class Watched:
    """One run.

    Attributes:
        captured: Where standard output and standard error go.
        limit_hit: Asked every `TICK_SECONDS`, and after output: which limit the guest has hit.
        give_up: Called when it has; ends the process.
    """

    captured: tuple[Captured, Captured]
    limit_hit: Callable[[], Outcome | None]
    give_up: Callable[[Outcome], None]


class Watcher:
    """The thread that looks after long runs, one after another."""

    def __init__(self, descriptors: Descriptors) -> None:
        """Start it. Every thread of this process has `SIGALRM` blocked: see `sandbox.host.__main__`.

        Args:
            descriptors: What guests print goes into them.
        """
        self._descriptors = descriptors
        self._lock = threading.Lock()  # whoever has it says how the run ends; it is kept for ever by one that gives up
        self._run: Watched | None = None
        threading.Thread(target=self._serve, name="guest-watch", daemon=True).start()

    def begin(self, run: Watched) -> None:
        """Look after a guest that begins now on this thread."""
        self._run = run
        signal.setitimer(signal.ITIMER_REAL, _SHORT_SECONDS)

    def end(self, run: Watched) -> None:
        """Collect what is left of a guest that has ended. Never returns when it was given up before."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        with self._lock:
            self._run = None
            self._descriptors.collect(run.captured)

    def _serve(self) -> None:
        arrivals = self._descriptors.arrivals()
        while True:
            signal.sigwait(_OVER)
            run = self._run
            while run is not None and run is self._run:
                self._looked(run)
                arrivals.poll(TICK_SECONDS * 1000)

    def _looked(self, run: Watched) -> None:
        with self._lock:
            if run is not self._run:
                return
            self._descriptors.collect(run.captured)
            if any(kept.truncated for kept in run.captured):
                run.give_up(Outcome.OUTPUT_EXCEEDED)
            elif (outcome := run.limit_hit()) is not None:
                run.give_up(outcome)
