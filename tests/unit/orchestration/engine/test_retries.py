"""When a step is tried again."""

from typing import Any

import pytest
from pytest_django import Settings

from orchestration.engine.retries import deadline_seconds, max_attempts, retry_seconds


def pause(*, failures: int = 0, kind: str = "agent", left: float = 1000.0, **error: Any) -> float | None:
    """Return the pause after a failure."""
    return retry_seconds(kind=kind, failures=failures, error={"retryable": True, **error}, seconds_left=left)


def test_limits_are_by_kind_where_a_kind_has_its_own(settings: Settings) -> None:
    settings.SHANNON_STEP_MAX_ATTEMPTS_BY_KIND = {"plan": 5}
    settings.SHANNON_STEP_DEADLINE_SECONDS_BY_KIND = {"plan": 7.0}
    assert (max_attempts("plan"), max_attempts("agent")) == (5, settings.SHANNON_STEP_MAX_ATTEMPTS)
    assert (deadline_seconds("plan"), deadline_seconds("agent")) == (7.0, settings.SHANNON_STEP_DEADLINE_SECONDS)
    assert pause(kind="plan", failures=3) is not None
    assert pause(kind="plan", failures=4) is None
    assert pause(kind="agent", failures=2) is None


def test_what_is_final_is_not_tried_again() -> None:
    assert pause(retryable=False) is None


@pytest.mark.parametrize("failures", [0, 1])
def test_the_pause_is_anything_up_to_a_ceiling_that_doubles(settings: Settings, failures: int) -> None:
    settings.SHANNON_STEP_RETRY_BASE_SECONDS = 4.0
    pauses = [pause(failures=failures) or 0.0 for _ in range(200)]
    ceiling = 4.0 * 2**failures
    assert max(pauses) <= ceiling
    assert min(pauses) < ceiling / 4  # full jitter: not only the upper half
    assert max(pauses) > ceiling / 2


def test_the_ceiling_has_a_ceiling(settings: Settings) -> None:
    settings.SHANNON_STEP_MAX_ATTEMPTS = 100
    assert max(pause(failures=50) or 0.0 for _ in range(50)) <= settings.SHANNON_STEP_RETRY_MAX_SECONDS


def test_what_the_other_side_asks_for_is_waited_for_unless_it_is_too_long() -> None:
    assert 20.0 <= (pause(details={"retry_after_seconds": 20}) or 0.0) <= 20.5
    assert pause(details={"retry_after_seconds": 601}) is None
    assert pause(details={"retry_after_seconds": 20}, left=19.0) is None
