"""How often and how long passing failures of a model call are tried again, while the step has time left."""

import random
import time
from dataclasses import dataclass

from shannon_project.foundation.errors import ShannonError


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """How often and how long.

    Attributes:
        attempts: Calls in all, at least 1.
        base_seconds: Pause before the second attempt; it doubles each time and is shortened by up to half at random.
        max_seconds: The longest pause; if the provider asks for more, the call fails with what it said.
        deadline_monotonic_seconds: When the step's time is over, on `time.monotonic()`'s clock.
    """

    attempts: int
    base_seconds: float
    max_seconds: float
    deadline_monotonic_seconds: float

    def pause_seconds(self, error: ShannonError, attempt: int) -> float | None:
        """Return how long to wait after the failure of an attempt (counted from 1); None: do not try again."""
        if not error.retryable or attempt >= self.attempts:
            return None
        asked = error.details.get("retry_after_seconds")
        # Jitter keeps a thousand agents that failed together from coming back together.
        own = self.base_seconds * 2 ** (attempt - 1) * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret
        pause = own if asked is None else max(float(asked), own)
        left = self.deadline_monotonic_seconds - time.monotonic()
        return pause if pause <= self.max_seconds and pause < left else None
