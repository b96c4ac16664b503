"""Tells a person what the stack does, with the seconds since it began."""

import sys
from time import monotonic
from typing import TextIO


class Progress:
    """Prints one line for each thing done; call it like a function."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Begin to count.

        Args:
            stream: Where the lines go; standard error by default, so that standard output stays the command's answer.
        """
        self._stream = stream or sys.stderr
        self._began = monotonic()

    @property
    def elapsed_seconds(self) -> float:
        """Seconds since the beginning."""
        return monotonic() - self._began

    def __call__(self, text: str) -> None:
        """Print one line."""
        print(f"{self.elapsed_seconds:6.1f} s  {text}", file=self._stream, flush=True)
