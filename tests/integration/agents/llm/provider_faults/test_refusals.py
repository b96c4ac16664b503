"""A provider that refuses: when to come back, and who is to blame."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from agents.llm.errors import (
    ModelRateLimited,
    ModelUnavailable,
)
from tests.integration.agents.llm.provider_faults.asking import STREAMED, _way, ask, provider, seen_if
from tests.provider import Fault, FaultProvider

__all__ = ["_way", "provider"]


@STREAMED
def test_429_says_when_to_come_back(provider: FaultProvider, is_streamed: bool) -> None:
    provider.will(Fault(status=429, retry_after="3"))

    with pytest.raises(ModelRateLimited) as caught:
        ask(provider, seen=seen_if(is_streamed))

    assert caught.value.details["retry_after_seconds"] == 3.0
    assert caught.value.used is None
    assert len(provider.calls) == 1, "nobody tries again behind our back"


@STREAMED
@pytest.mark.parametrize("status", [429, 503])
def test_a_date_says_too_when_to_come_back(provider: FaultProvider, status: int, is_streamed: bool) -> None:
    later = datetime.now(UTC) + timedelta(seconds=600)
    provider.will(Fault(status=status, retry_after=format_datetime(later, usegmt=True)))

    with pytest.raises((ModelRateLimited, ModelUnavailable)) as caught:
        ask(provider, seen=seen_if(is_streamed))

    assert 500 < caught.value.details["retry_after_seconds"] <= 600


@pytest.mark.parametrize("said", ["soon", "-5", "nan", ""])
def test_a_time_to_come_back_that_is_none_is_not_told(provider: FaultProvider, said: str) -> None:
    provider.will(Fault(status=429, retry_after=said))

    with pytest.raises(ModelRateLimited) as caught:
        ask(provider, seen=None)

    assert "retry_after_seconds" not in caught.value.details


@STREAMED
@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_broken_provider_is_unavailable(provider: FaultProvider, status: int, is_streamed: bool) -> None:
    provider.will(Fault(status=status))

    with pytest.raises(ModelUnavailable) as caught:
        ask(provider, seen=seen_if(is_streamed))

    assert caught.value.details["provider_status"] == status
    assert len(provider.calls) == 1
