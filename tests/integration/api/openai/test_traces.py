"""A direct call is one trace through web and the gateway process."""

from collections.abc import Iterator

import httpx
import pytest
from pytest_django import Settings

from agents.direct.server import Gateway
from shannon_project.asgi import application
from shannon_project.foundation.tracing import tracing_start, tracing_stop
from shannon_project.foundation.tracing.requests import requests_traced
from tests.integration.api.callers import Caller
from tests.integration.api.openai.serving import serving
from tests.otlp import Receiver, receiving

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    """A receiver, and this process sends to it."""
    with receiving() as started:
        settings.SHANNON_TRACES_ENDPOINT = started.url
        tracing_start("tests")
        yield started
        tracing_stop()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_the_models_span_is_below_the_gateways_below_webs_below_the_clients(
    caller: Caller, receiver: Receiver, settings: Settings, *, stream: bool
) -> None:
    with (
        serving(requests_traced(Gateway(calls_max=4)), lifespan="on") as gateway_url,
        serving(requests_traced(application), lifespan="on") as web_url,
    ):
        settings.SHANNON_GATEWAY_URL = gateway_url
        answer = httpx.post(
            f"{web_url}/v1/chat/completions",
            json={"model": "small", "messages": [{"role": "user", "content": "1 + 1"}], "stream": stream},
            headers={"X-API-Key": caller.key, "traceparent": f"00-{TRACE}-{PARENT}-01"},
            timeout=120.0,
        )
    assert answer.status_code == 200, answer.text
    tracing_stop()
    (chat,) = receiver.named("chat offline/small")
    gateway = receiver.parent_of(chat)
    assert gateway is not None
    web = receiver.parent_of(gateway)
    assert web is not None
    assert (gateway.kind, web.kind, web.parent_id) == ("SERVER", "SERVER", PARENT)
    assert {span.trace_id for span in receiver.spans} == {TRACE}
    assert answer.headers["traceparent"].split("-")[2] == web.span_id
