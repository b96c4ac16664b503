"""How often a step is tried, how long one try may take, and when the next one begins. By kind."""

from collections.abc import Mapping
from random import SystemRandom
from typing import Any

from django.conf import settings

_random = SystemRandom()


def max_attempts(kind: str) -> int:
    """Return after how many failures or lost workers a step of this kind fails for good."""
    of_kind: Mapping[str, int] = settings.SHANNON_STEP_MAX_ATTEMPTS_BY_KIND
    return of_kind.get(str(kind), settings.SHANNON_STEP_MAX_ATTEMPTS)


def deadline_seconds(kind: str) -> float:
    """Return how long one execution of a step of this kind may take."""
    of_kind: Mapping[str, float] = settings.SHANNON_STEP_DEADLINE_SECONDS_BY_KIND
    return of_kind.get(str(kind), settings.SHANNON_STEP_DEADLINE_SECONDS)


def retry_seconds(*, kind: str, failures: int, error: Mapping[str, Any], seconds_left: float) -> float | None:
    """Return how long a step waits before it is tried again; None: it is not.

    What the other side asked for (Retry-After), and on top an exponential pause with full jitter: anything from nothing
    to `SHANNON_STEP_RETRY_BASE_SECONDS` doubled for each failure, so that steps that failed together do not come back
    together (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).

    Args:
        kind: The step's kind.
        failures: How many earlier tries failed.
        error: The failure, as `ShannonError.as_json()` gives it.
        seconds_left: Until the task's deadline; a pause that would outlast it is not begun.
    """
    if not error.get("retryable") or failures + 1 >= max_attempts(kind):
        return None
    details = error.get("details") or {}
    asked = float(details.get("retry_after_seconds") or 0.0)
    ceiling = min(settings.SHANNON_STEP_RETRY_BASE_SECONDS * 2**failures, settings.SHANNON_STEP_RETRY_MAX_SECONDS)
    if asked > min(settings.SHANNON_STEP_RETRY_AFTER_MAX_SECONDS, seconds_left):
        return None
    return asked + _random.uniform(0, ceiling)
