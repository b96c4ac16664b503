"""A worker that asks itself, through the broker, whether it still hears.

After a connection was lost, a consumer can be alive (it answers pings of the control channel, it runs what it has) and
take no message any more: a failing of kombu with Redis that has come back in several versions. Nobody else can tell
such a worker from an idle one, so it finds out by itself and makes room for one that hears.
"""

import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)


class HearingWatch:
    """Counts the messages to itself that did not come. One turn is one message; any message that comes counts."""

    def __init__(self, ask: Callable[[], bool], *, is_full: Callable[[], bool], patience_turns: int) -> None:
        """Watch a worker.

        Args:
            ask: Sends it a message; returns False when the broker did not take it.
            is_full: Whether it takes no message because its threads are all at work and others wait for them.
            patience_turns: Messages in a row that may stay away.
        """
        self._ask = ask
        self._is_full = is_full
        self._patience_turns = patience_turns
        self._asked = False
        self._missed_turns = 0
        self._heard = threading.Event()

    def hear(self) -> None:
        """Note that a message came."""
        self._heard.set()

    def turn(self) -> bool:
        """Look whether the last message came, and send the next. Returns True once the worker is deaf.

        Turns are counted, not seconds: a process that was stopped for a while, or a machine that slept, is not deaf.
        """
        if self._heard.is_set() or not self._asked or self._is_full():
            self._missed_turns = 0
        else:
            self._missed_turns += 1
            log.warning("echo_not_heard", turns=self._missed_turns)
        if self._missed_turns >= self._patience_turns:
            return True
        self._heard.clear()
        self._asked = self._ask()
        return False
