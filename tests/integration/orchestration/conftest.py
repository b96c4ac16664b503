"""What tests of the engine share."""

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def unhurried(settings: Settings) -> None:
    """Let a drainer's slice not end because the machine is busy; tests of slices choose theirs."""
    settings.SHANNON_DRAIN_SLICE_SECONDS = 3_600.0
