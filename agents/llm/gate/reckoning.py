"""Numbers of gates."""

import math
from collections.abc import Sequence
from typing import Final

_LEAST_MEASURES: Final = 5  # fewer say nothing of a p95
_SHARE: Final = 0.95


def p95(seconds: Sequence[float]) -> float | None:
    """Return the 95th percentile (nearest rank); None: too few to say."""
    if len(seconds) < _LEAST_MEASURES:
        return None
    return sorted(seconds)[math.ceil(_SHARE * len(seconds)) - 1]
