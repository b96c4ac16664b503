"""A provider with faults, beside a gateway that has loaded litellm."""

from collections.abc import Iterator

import pytest

from agents.llm.base import gateway_in_use
from tests.provider import FaultProvider, fault_provider


@pytest.fixture(scope="module")
def server() -> Iterator[FaultProvider]:
    """The provider, for all tests of a file."""
    gateway_in_use().warm()  # outside of a transaction: Postgres ends one that is idle for as long as litellm loads
    with fault_provider() as running:
        yield running
