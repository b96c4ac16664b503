"""Identifiers: UUID version 7, so that ids sort by creation time."""

import os
import time
from typing import Final
from uuid import UUID

_RANDOM_BYTES: Final = 10
_BATCH: Final = 256
_chances: list[bytes] = []  # random bytes of the system, fetched many at once: asking costs more than all the rest
os.register_at_fork(after_in_child=_chances.clear)  # two processes must not draw the same


def uuid7() -> UUID:
    """Return a new UUIDv7: 48 bits of Unix milliseconds, 74 random bits (RFC 9562, section 5.7)."""
    milliseconds = time.time_ns() // 1_000_000
    random_bits = int.from_bytes(_chance())
    value = (milliseconds & (2**48 - 1)) << 80
    value |= 0x7 << 76
    value |= (random_bits >> 68) << 64
    value |= 0b10 << 62
    value |= random_bits & (2**62 - 1)
    return UUID(int=value)


def _chance() -> bytes:
    """Return random bytes that nobody else gets; taking the last of a list is one step for threads."""
    try:
        return _chances.pop()
    except IndexError:
        fresh = os.urandom(_RANDOM_BYTES * _BATCH)
        parts = [fresh[start : start + _RANDOM_BYTES] for start in range(0, len(fresh), _RANDOM_BYTES)]
        mine = parts.pop()
        _chances.extend(parts)
        return mine
