"""Text as Postgres can keep it."""

from typing import Final

_NUL: Final = "\x00"
_REPLACEMENT: Final = "\ufffd"


def storable_text(text: str) -> str:
    """Return the text with U+FFFD in place of what Postgres cannot keep: NUL and lone surrogates."""
    if text.isascii() and _NUL not in text:
        return text  # as a rule
    return text.replace(_NUL, _REPLACEMENT).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
