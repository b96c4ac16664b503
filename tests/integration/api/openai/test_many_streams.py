"""Many streams at once through web and the gateway: who leaves ends its own call and nobody else's."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from pytest_django import Settings

from agents.direct.server import Gateway
from agents.models import ModelCall
from benchmarks.peers.provider import PIECES, application
from policy.models import Budget, Reservation
from policy.services import ledger_check
from tests.integration.api.callers import Caller
from tests.integration.api.openai.serving import serving

pytestmark = pytest.mark.django_db(transaction=True)

MODEL = "openai/bench-model"
STREAMS = 90
LEAVERS = 30


@pytest.fixture
def _provider(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A provider whose streams last a second."""
    settings.SHANNON_MODELS_ALLOWED = (MODEL,)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-bench")
    with serving(application) as url:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/v1")
        yield


@pytest.fixture
def gateway(transactional_db: None, settings: Settings) -> Iterator[Gateway]:
    gateway = Gateway(calls_max=STREAMS)
    with serving(gateway, lifespan="on") as url:
        settings.SHANNON_GATEWAY_URL = url
        yield gateway


async def _stream(client: httpx.AsyncClient, url: str, key: str, *, leaves: bool) -> bool:
    """Read a stream, or leave it after its first piece; return whether it came whole."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "stream": True, "max_tokens": 50}
    async with client.stream("POST", f"{url}/v1/chat/completions", json=body, headers={"X-API-Key": key}) as answer:
        assert answer.status_code == 200, await answer.aread()
        text = ""
        async for piece in answer.aiter_text():
            text += piece
            if leaves and "word" in text:
                return False
    return text.count("word") == PIECES and text.rstrip().endswith("[DONE]")


@pytest.mark.usefixtures("_provider")
def test_clients_that_leave_harm_no_other_stream_and_are_accounted(
    base_url: str, caller: Caller, gateway: Gateway
) -> None:
    async def run() -> list[bool]:
        async with httpx.AsyncClient(timeout=60.0, limits=httpx.Limits(max_connections=None)) as client:
            streams = (_stream(client, base_url, caller.key, leaves=number < LEAVERS) for number in range(STREAMS))
            found = await asyncio.gather(*streams)
            for _ in range(200):
                if gateway.running == 0:
                    break
                await asyncio.sleep(0.05)
        return found

    found = asyncio.run(run())

    assert sum(found) == STREAMS - LEAVERS, "whoever stayed was answered in full"
    assert gateway.running == 0, "who leaves makes room"
    outcomes = list(ModelCall.objects.values_list("outcome", flat=True))
    assert (len(outcomes), outcomes.count("ok")) == (STREAMS, STREAMS - LEAVERS)
    assert not Reservation.objects.filter(status="held").exists(), "nothing stays set aside"
    assert Budget.objects.get(scope="tenant", scope_id=caller.tenant.id).spent_tokens > 0
    assert ledger_check() == []
