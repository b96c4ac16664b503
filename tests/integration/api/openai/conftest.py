"""Clients of OpenAI and of the reference system against the served application."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import openai
import pytest
from pytest_django import Settings
from shannon import ShannonClient

if TYPE_CHECKING:
    from tests.integration.agents.llm.providers import Provider
    from tests.integration.api.callers import Caller


@pytest.fixture
def base_url(transactional_db: None, settings: Settings) -> Iterator[str]:
    """The application, served, with a worker."""
    from shannon_project.asgi import application  # noqa: PLC0415 - Django is set up after conftests are loaded
    from tests.integration.api.openai.serving import serving, working  # noqa: PLC0415 - as above

    settings.SHANNON_RECOVER_SERVER_UPTIME_SECONDS = 0.0  # the tests' server has only just been started
    with serving(application, lifespan="on") as url, working():
        yield url


@pytest.fixture
def gateway_url(transactional_db: None, settings: Settings) -> Iterator[str]:
    """The gateway process's application, served; web is told where."""
    from agents.direct.server import Gateway  # noqa: PLC0415 - Django is set up after conftests are loaded
    from tests.integration.api.openai.serving import serving  # noqa: PLC0415 - as above

    with serving(Gateway(calls_max=16), lifespan="on") as url:
        settings.SHANNON_GATEWAY_URL = url
        yield url


@pytest.fixture
def provider(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> "Iterator[Provider]":
    """A provider on loopback; requests may name its model `openai/loopback-m`."""
    from tests.integration.agents.llm.providers import provider_on_loopback  # noqa: PLC0415 - as above

    settings.SHANNON_MODELS_ALLOWED = ("openai/loopback-m",)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-provider")
    with provider_on_loopback() as running:
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{running.port}/v1")
        yield running


@pytest.fixture
def client(base_url: str, caller: "Caller") -> Iterator[openai.OpenAI]:
    """The official client of OpenAI."""
    with openai.OpenAI(base_url=f"{base_url}/v1", api_key=caller.key, max_retries=0, timeout=120.0) as connected:
        yield connected


@pytest.fixture
def shannon(base_url: str, caller: "Caller") -> Iterator[ShannonClient]:
    """The official client of the reference system."""
    with ShannonClient(base_url=base_url, api_key=caller.key) as connected:
        yield connected
