"""Text as Postgres can keep it."""

from typing import Final

_NUL: Final = "\x00"
_REPLACEMENT: Final = "\ufffd"


def storable_text(text: str) -> str:
    """Return the text with U+FFFD in place of what Postgres cannot keep: NUL and lone surrogates."""
    if _NUL not in text and _is_encodable(text):
        return text  # as a rule
    return text.replace(_NUL, _REPLACEMENT).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _is_encodable(text: str) -> bool:
    """Return whether the text has no lone surrogate."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
