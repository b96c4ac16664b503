"""The arithmetic of a sliding minute."""

import pytest

from policy.services.rate_limits import RateState, states_of


def state(*, into: float, before: int, current: int, admitted: int = 1, limit: int = 60) -> RateState:
    (found,) = states_of([str(into), "1000020", before, current, admitted], [("key", limit)])
    return found


def test_a_first_request_leaves_all_others() -> None:
    found = state(into=20, before=0, current=0)
    assert found.headers() == {
        "X-RateLimit-Limit": "60",
        "X-RateLimit-Remaining": "59",
        "X-RateLimit-Reset": "1000060",
    }


def test_the_last_minute_counts_as_far_as_it_is_less_than_a_minute_ago() -> None:
    assert state(into=30, before=60, current=0).remaining == 29
    assert state(into=0, before=60, current=0, admitted=0).remaining == 0


@pytest.mark.parametrize(
    ("into", "before", "current", "seconds"),
    [(10, 60, 9, 1), (0, 60, 0, 1), (30, 60, 40, 11), (59, 0, 60, 2), (0, 0, 60, 61)],
)
def test_retry_after_says_when_one_more_fits(into: float, before: int, current: int, seconds: int) -> None:
    assert state(into=into, before=before, current=current, admitted=0).retry_after_seconds == seconds
