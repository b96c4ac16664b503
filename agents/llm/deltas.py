"""Hands streamed text on in pieces worth a message."""

import time
from collections.abc import Callable
from typing import Final

_PIECE_CHARACTERS: Final = 160
_PIECE_SECONDS: Final = 0.05


class DeltaBuffer:
    """Gathers tokens until there are enough of them, or the last piece is 50 ms old."""

    def __init__(self, send: Callable[[str], None]) -> None:
        """Make a buffer that calls `send` with each piece."""
        self._send = send
        self._parts: list[str] = []
        self._characters = 0
        self._sent_at_monotonic_seconds = 0.0
        self.first_text_at_monotonic_seconds: float | None = None

    def add(self, text: str) -> None:
        """Take a piece of text as the model streams it."""
        now = time.monotonic()
        if self.first_text_at_monotonic_seconds is None:
            self.first_text_at_monotonic_seconds = now
        self._parts.append(text)
        self._characters += len(text)
        if self._characters >= _PIECE_CHARACTERS or now - self._sent_at_monotonic_seconds >= _PIECE_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Send what is left."""
        if self._parts:
            self._send("".join(self._parts))
            self._parts.clear()
            self._characters = 0
            self._sent_at_monotonic_seconds = time.monotonic()
