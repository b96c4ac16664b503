"""JSON values made fit to be stored, compared and shown: clean, canonical, bounded."""

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from shannon_project.foundation.text import storable_text

SHOWN_MAX_BYTES: Final = 64 * 1024


def canonical_digest(value: Any) -> str:
    """Return the SHA-256 (hex) of a JSON value, whatever the order of its keys.

    Raises:
        TypeError: The value is not JSON (the caller's defect).
        ValueError: It holds NaN or an infinity (the caller's defect).
    """
    return hashlib.sha256(_dumps(value).encode()).hexdigest()


def storable_json(value: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """Return a JSON object as Postgres can keep it, and its size in bytes (as ASCII JSON, so at most that).

    A NUL character and a lone surrogate have no place in `jsonb`; each becomes U+FFFD. Numbers become what `jsonb`
    gives back (1e16 a whole number), and keys are sorted. So a first run and a resumed one see the same.
    """
    text = _dumps(value)
    if "\\u0000" in text or "\\ud" in text:
        text = _dumps(_clean(value))
    stored: dict[str, Any] = json.loads(text, parse_float=_as_postgres_reads)
    return stored, len(text)


def bounded_text(text: str, max_characters: int, *, characters: int | None = None) -> str:
    """Return the text, or its beginning with a statement of how long it was.

    Args:
        text: The text, or at least its first `max_characters`.
        max_characters: How many of them are kept.
        characters: How long the whole is, where `text` is only its beginning.
    """
    total = len(text) if characters is None else characters
    if total <= max_characters:
        return text
    return f"{text[:max_characters]}… [cut: {total} characters in all]"


def bounded_json(value: Mapping[str, Any], max_bytes: int = SHOWN_MAX_BYTES) -> dict[str, Any]:
    """Return a JSON object of at most about `max_bytes`, for events and for looking at.

    Long strings are cut first, each with a statement of its length; what is still too large becomes
    `{"truncated": true, "bytes", "beginning"}`.
    """
    stored, size_bytes = storable_json(value)
    if size_bytes <= max_bytes or _size_bytes(stored) <= max_bytes:
        return stored
    shorter: dict[str, Any] = _with_cut_strings(stored, max_bytes // 8)
    if _size_bytes(shorter) <= max_bytes:
        return shorter
    return {"truncated": True, "bytes": size_bytes, "beginning": _dumps(shorter)[: max_bytes // 2]}


def _size_bytes(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def _dumps(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _as_postgres_reads(number: str) -> int | float:
    """Return a JSON number with a fraction or exponent as it comes back from `jsonb`, which keeps plain decimals."""
    plain = f"{Decimal(number):f}"
    return (float(plain) or 0.0) if "." in plain else int(plain)  # there is no negative zero


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, Mapping):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


def _with_cut_strings(value: Any, max_characters: int) -> Any:
    if isinstance(value, str):
        return bounded_text(value, max_characters)
    if isinstance(value, dict):
        return {key: _with_cut_strings(item, max_characters) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_cut_strings(item, max_characters) for item in value]
    return value
