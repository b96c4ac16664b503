"""Calls outside: found in what a guest prints, answered on what it reads.

A guest has no other way out than its streams. A call is a line of standard output that begins with the run's mark, 128
random bits, so that no program prints one by chance; one that does so on purpose makes the call that it may make. The
answer is its length in ten digits and JSON in ASCII.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.runtimes.base import OnCall

CALL_MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """One call as the guest wrote it; `text` None: it was longer than `CALL_MAX_BYTES`."""

    text: bytes | None


class CallScanner:
    """Tells calls from what the program prints, in pieces that may end anywhere."""

    def __init__(self, mark: bytes) -> None:
        """Take the mark of this run's calls."""
        self._mark = mark
        self._held = b""  # what may become a mark, or a call that is not whole
        self._inside = False
        self._too_long = False

    def feed(self, chunk: bytes) -> Iterator[bytes | Call]:
        """Return what the chunk completes: output of the program, and calls, in order."""
        self._held += chunk
        while self._held:
            if not self._inside:
                before, found, rest = self._held.partition(self._mark)
                if not found:
                    kept = self._mark_begun()
                    self._held, printed = self._held[len(self._held) - kept :], self._held[: len(self._held) - kept]
                    if printed:
                        yield printed
                    return
                self._held, self._inside, self._too_long = rest, True, False
                if before:
                    yield before
            line, ended, rest = self._held.partition(b"\n")
            self._too_long = self._too_long or len(line) > CALL_MAX_BYTES
            if not ended:
                self._held = b"" if self._too_long else line
                return
            self._held, self._inside = rest, False
            yield Call(None if self._too_long else line)

    def rest(self) -> bytes:
        """Return what was held back when the stream ended: output, unless a call was begun."""
        return b"" if self._inside else self._held

    def _mark_begun(self) -> int:
        """Return how many bytes at the end may be the beginning of a mark."""
        most = min(len(self._held), len(self._mark) - 1)
        return next((size for size in range(most, 0, -1) if self._held.endswith(self._mark[:size])), 0)


class Calls:
    """The calls outside of one run."""

    def __init__(self, on_call: OnCall, answer: Callable[[bytes], Awaitable[Any]]) -> None:
        """Take who answers, blocking, and what writes an answer to the guest."""
        self.mark = f"\x06{secrets.token_hex(16)}"
        self.waiting = False  # True while a call is not answered
        self._on_call = on_call
        self._answer = answer

    async def printed(self, stdout: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield what the program prints, and answer the calls between."""
        scanner = CallScanner(self.mark.encode())
        async for chunk in stdout:
            for found in scanner.feed(chunk):
                if isinstance(found, bytes):
                    yield found
                else:
                    await self._make(found)
        if rest := scanner.rest():
            yield rest

    async def _make(self, call: Call) -> None:
        self.waiting = True
        try:
            name, arguments = json.loads(call.text or b"")
        except (ValueError, TypeError, RecursionError):
            answer: dict[str, Any] = {"error": f"this is no call, or one of more than {CALL_MAX_BYTES} bytes"}
        else:
            answer = await asyncio.to_thread(self._on_call, str(name), arguments)
        self.waiting = False
        data = json.dumps(answer).encode()
        await self._answer(b"%010d%b" % (len(data), data))
