"""The end of a worker process, told in time: what it has claimed ends or is handed back, and nothing is repeated."""

import time
from typing import Final

from django.conf import settings

FINISH_SHARE: Final = 0.5  # of the grace period, in which steps at work may still begin calls


class Stopping:
    """How far the end of this process has come.

    From its beginning no step is claimed. For half of the grace period the steps at work go on as if nothing were:
    most of them end. From then on a step begins no further call: it ends the one that it is in, which is recorded,
    and is handed back with its journal. What is in a call when the period is over is handed back all the same.
    """

    def __init__(self) -> None:
        self._begun_at_seconds: float | None = None

    def begin(self) -> None:
        """Begin; a second time changes nothing."""
        if self._begun_at_seconds is None:
            self._begun_at_seconds = time.monotonic()

    def forget(self) -> None:
        """Go on as if nobody had asked for the end; for tests."""
        self._begun_at_seconds = None

    @property
    def is_begun(self) -> bool:
        """Whether no step is claimed any more."""
        return self._begun_at_seconds is not None

    @property
    def begins_nothing(self) -> bool:
        """Whether steps at work are to be handed back at their next call."""
        begun = self._begun_at_seconds
        return begun is not None and time.monotonic() - begun >= settings.SHANNON_SHUTDOWN_GRACE_SECONDS * FINISH_SHARE


STOPPING = Stopping()
