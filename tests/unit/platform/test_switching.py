"""How often threads change that compute."""

import sys

import pytest

from shannon_project.foundation.switching import LONGEST_SECONDS, SHORTEST_SECONDS, switch_seconds, switches_pace


@pytest.mark.parametrize(("threads", "seconds"), [(0, SHORTEST_SECONDS), (16, SHORTEST_SECONDS), (160, 0.01)])
def test_few_threads_change_quickly_and_many_seldom(threads: int, seconds: float) -> None:
    assert switch_seconds(threads) == pytest.approx(seconds)


def test_however_many_they_are_one_that_computes_is_interrupted() -> None:
    assert switch_seconds(1_000_000) == LONGEST_SECONDS


def test_python_is_told() -> None:
    before = sys.getswitchinterval()
    try:
        switches_pace(320)
        assert sys.getswitchinterval() == pytest.approx(0.02)
    finally:
        sys.setswitchinterval(before)
