"""What only the short way to a server does: it bounds what it reads, and is the way that is taken."""

from collections.abc import Iterator

import pytest

from agents.llm.errors import ModelAnswerTooLong
from agents.llm.gateway import LitellmGateway
from agents.llm.types import ModelRequest
from shannon_project.config.catalogue import CatalogueModel
from tests.provider import Fault, FaultProvider, fault_provider

GATEWAY = LitellmGateway()
HELLO = ModelRequest(messages=[{"role": "user", "content": "hello there"}], max_output_tokens=64)
ENDLESS = '{"choices": [{"message": {"content": "' + "x" * 9_000_000


@pytest.fixture(scope="module")
def provider() -> Iterator[FaultProvider]:
    with fault_provider() as running:
        yield running


def test_it_is_taken_for_a_server_of_ones_own(provider: FaultProvider) -> None:
    model = CatalogueModel.compatible("m", provider.base_url)

    assert GATEWAY.complete(HELLO, model=model, timeout_seconds=30.0).text == "You said: hello there"
    assert "aiohttp" in provider.calls[-1].headers["user-agent"]


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
def test_an_answer_without_an_end_is_left_where_it_is_too_long(provider: FaultProvider, is_streamed: bool) -> None:
    provider.will(Fault(body=f"data: {ENDLESS}" if is_streamed else ENDLESS))
    model = CatalogueModel.compatible("m", provider.base_url)
    seen: list[str] = []

    with pytest.raises(ModelAnswerTooLong) as caught:
        GATEWAY.complete(HELLO, model=model, timeout_seconds=60.0, on_delta=seen.append if is_streamed else None)

    assert not caught.value.retryable
    assert is_streamed or (caught.value.used is not None and caught.value.used.is_estimate)
