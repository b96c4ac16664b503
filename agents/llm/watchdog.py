"""Reads what may never end, and stops waiting when its time is over.

litellm's own limit is per read of the socket: a server that sends a byte now and then keeps a call for ever. So the
call is made in a thread of its own, and whoever needs the answer waits for it no longer than agreed. A thread that is
no longer waited for is asked to end by closing its response; where the library shows none (an answer that is not
streamed), it ends with the provider's connection. There are at most `ABANDONED_MAX` such threads in a process: beyond
them no call is made.
"""

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from agents.llm.timeouts import CallTimeouts
from shannon_project.foundation.coroutines import outside

ABANDONED_MAX: Final = 64
_abandoned: set[threading.Thread] = set()
_abandoned_lock = threading.Lock()


class CallOverdue(Exception):
    """The time for the call is over.

    `waited_for` says for which part of it, `was_asked` whether the question may have been sent: then it may be billed.
    """

    def __init__(self, waited_for: str, *, was_asked: bool = True) -> None:
        """Make the error; `waited_for` is the connection, the first token, the next one, or the whole answer."""
        super().__init__(waited_for)
        self.waited_for = waited_for
        self.was_asked = was_asked


class TooManyAbandoned(Exception):
    """`ABANDONED_MAX` calls that nobody waits for are still running."""


def read_within(open_source: Callable[[], Iterable[Any]], *, timeouts: CallTimeouts) -> Generator[Any]:
    """Yield the items of an iterable that is opened and read in another thread.

    Close the iterator when leaving it early, so that the thread does not read on.

    Args:
        open_source: Makes the iterable; if that has `close` or a `completion_stream` that has, it is used to end it.
        timeouts: Until the first item, between two of them, and to the end of the last.

    Raises:
        CallOverdue: A time is over. TooManyAbandoned: See there.
        Exception: Whatever opening or reading raised.
    """
    if abandoned_count() >= ABANDONED_MAX:
        raise TooManyAbandoned
    reading = _Reading(open_source)
    reading.start()
    deadline_monotonic_seconds = time.monotonic() + timeouts.total
    patience_seconds, waited_for = timeouts.first_token, "the first token"
    try:
        while True:
            left_seconds = deadline_monotonic_seconds - time.monotonic()
            try:
                patience = max(0.0, min(left_seconds, patience_seconds))
                is_item, value = outside(partial(reading.found.get, timeout=patience))
            except queue.Empty:
                raise CallOverdue(waited_for if patience_seconds < left_seconds else "the whole answer") from None
            if is_item:
                yield value
                patience_seconds, waited_for = timeouts.between_tokens, "the next token"
            elif value is None:
                return
            else:
                raise value
    finally:
        reading.abandon()


def abandoned_count() -> int:
    """Return how many calls still run that nobody waits for."""
    with _abandoned_lock:
        _abandoned.difference_update([thread for thread in _abandoned if not thread.is_alive()])
        return len(_abandoned)


class _Reading(threading.Thread):
    """Puts `(True, item)` for each item, then `(False, None)` or `(False, error)`."""

    def __init__(self, open_source: Callable[[], Iterable[Any]]) -> None:
        super().__init__(name="model-call", daemon=True)  # a process that ends does not wait for a provider
        self.found: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()
        self._open_source = open_source
        self._source: Any = None
        self._is_abandoned = threading.Event()
        self._is_over = threading.Event()

    def run(self) -> None:
        try:
            self._source = self._open_source()
            for item in self._source:
                if self._is_abandoned.is_set():
                    break
                self.found.put((True, item))
        except BaseException as error:  # noqa: BLE001 - it is raised again where the answer is waited for
            self.found.put((False, error))
        else:
            self.found.put((False, None))
        finally:
            self._is_over.set()
            if self._is_abandoned.is_set():
                self._close()

    def abandon(self) -> None:
        """Ask the thread to end, if it has not."""
        if self._is_over.is_set():
            return
        self._is_abandoned.set()
        with _abandoned_lock:
            _abandoned.add(self)
        self._close()

    def _close(self) -> None:
        for closable in (self._source, getattr(self._source, "completion_stream", None)):
            close = getattr(closable, "close", None)
            if close is not None:
                # Closing what another thread reads may fail in as many ways as there are libraries below.
                with suppress(Exception):
                    close()
