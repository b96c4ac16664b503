"""What a policy is asked, made safe for the Rego library and for the database.

Tool arguments come from a model, so they may be anything. The library reads C strings (it would stop at a NUL and
decide about half of an argument), takes 64-bit integers (larger ones would wrap around) and recurses; each of these
would let an argument slip past a policy.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from policy.errors import PolicyFailed

DEPTH_MAX = 32
VALUES_MAX = 5_000
TEXT_MAX_CHARS = 1_000_000
_INT64 = range(-(2**63), 2**63)


def document(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy that is plain JSON, free of NULs and lone surrogates (replaced by U+FFFD), with bounded depth and
    size.

    Raises:
        PolicyFailed: It is too deep, too large, or not JSON. Whatever was asked must be denied.
    """
    copy = _Copier().copy(value, 0)
    if not isinstance(copy, dict):
        raise PolicyFailed("What a policy is asked must be a JSON object.")
    return copy


class _Copier:
    def __init__(self) -> None:
        self.values = 0
        self.chars = 0

    def copy(self, value: Any, depth: int) -> Any:
        self.values += 1
        if depth > DEPTH_MAX or self.values > VALUES_MAX:
            raise PolicyFailed(f"Deeper than {DEPTH_MAX} levels or more than {VALUES_MAX} values: no policy was asked.")
        if isinstance(value, str):
            return self._text(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return int(value) if value in _INT64 else self._real(float(value) if abs(value) < 2**1000 else math.inf)
        if isinstance(value, float):
            return self._real(value)
        return self._container(value, depth)

    def _container(self, value: Any, depth: int) -> Any:
        if isinstance(value, Mapping):
            return {self._text(str(key)): self.copy(inner, depth + 1) for key, inner in value.items()}
        if isinstance(value, frozenset | set):
            return [self.copy(inner, depth + 1) for inner in sorted(value)]
        if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
            return [self.copy(inner, depth + 1) for inner in value]
        raise PolicyFailed(f"A {type(value).__name__} is not JSON: no policy was asked.")

    def _real(self, value: float) -> float:
        if not math.isfinite(value):
            raise PolicyFailed("A number that is not finite is not JSON: no policy was asked.")
        return value

    def _text(self, value: str) -> str:
        self.chars += len(value)
        if self.chars > TEXT_MAX_CHARS:
            raise PolicyFailed(f"More than {TEXT_MAX_CHARS} characters: no policy was asked.")
        if value.isascii() and "\x00" not in value:
            return value
        return value.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
