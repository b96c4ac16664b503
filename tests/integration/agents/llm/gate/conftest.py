"""Both gates, and a period that a test can wait for."""

from typing import TYPE_CHECKING

import pytest
from pytest_django import Settings

if TYPE_CHECKING:
    from agents.llm.gate import Gate


@pytest.fixture
def period(settings: Settings) -> float:
    """A period that a test can wait for."""
    settings.SHANNON_MODEL_RATE_PERIOD_SECONDS = 1.2
    return 1.2


@pytest.fixture(params=["valkey", "local"])
def gate(request: pytest.FixtureRequest) -> "Gate":
    """Both gates keep the same rules."""
    from agents.llm.gate.local import LocalGate  # noqa: PLC0415 - Django is set up after conftests are loaded
    from agents.llm.gate.valkey import ValkeyGate  # noqa: PLC0415 - as above

    return ValkeyGate() if request.param == "valkey" else LocalGate()
