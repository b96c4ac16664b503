"""Clients of OpenAI and of the reference system against the served application."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import openai
import pytest
from pytest_django import Settings
from shannon import ShannonClient

if TYPE_CHECKING:
    from tests.integration.api.callers import Caller


@pytest.fixture
def base_url(transactional_db: None, settings: Settings) -> Iterator[str]:
    """The application, served, with a worker."""
    from shannon_project.asgi import application  # noqa: PLC0415 - Django is set up after conftests are loaded
    from tests.integration.api.openai.serving import serving, working  # noqa: PLC0415 - as above

    settings.SHANNON_RECOVER_SERVER_UPTIME_SECONDS = 0.0  # the tests' server has only just been started
    with serving(application) as url, working():
        yield url


@pytest.fixture
def client(base_url: str, caller: "Caller") -> Iterator[openai.OpenAI]:
    """The official client of OpenAI."""
    with openai.OpenAI(base_url=f"{base_url}/v1", api_key=caller.key, max_retries=0, timeout=30.0) as connected:
        yield connected


@pytest.fixture
def shannon(base_url: str, caller: "Caller") -> Iterator[ShannonClient]:
    """The official client of the reference system."""
    with ShannonClient(base_url=base_url, api_key=caller.key) as connected:
        yield connected
