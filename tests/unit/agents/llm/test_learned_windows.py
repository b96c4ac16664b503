"""A context window that a provider stated when it refused a request: kept to by the calls that follow."""

import time
from typing import Any

import pytest

from agents.llm.credentials import ENVIRONMENT
from agents.llm.errors import ModelWindowExceeded
from agents.llm.fake import FakeGateway
from agents.llm.gate import CallEnd, CallEnded, Lane
from agents.llm.gate.local import LocalGate
from agents.llm.retry import RetryLimits
from agents.llm.routing import Choice, Route
from agents.llm.types import ModelRequest
from shannon_project.config.catalogue import CatalogueModel

LONG = ModelRequest(messages=[{"role": "user", "content": "word " * 900}], max_output_tokens=256)


def asked(gateway: FakeGateway, gate: LocalGate, **values: Any) -> None:
    model = CatalogueModel(name="m", litellm_name="m", provider="p", **values)
    limits = RetryLimits(
        attempts=1, base_seconds=0.001, max_seconds=1.0, deadline_monotonic_seconds=time.monotonic() + 60.0
    )
    choices = [Choice(model, (ENVIRONMENT,))]
    Route(gateway=gateway, gate=gate, choices=choices, request=LONG, limits=limits, checkpoint=lambda: None).run()


def refused_as_too_long(window: int | None) -> ModelWindowExceeded:
    stated = {} if window is None else {"provider_window_tokens": window}
    return ModelWindowExceeded(details={"provider_status": 400, **stated})


@pytest.mark.parametrize(("stated", "known", "learns"), [(900, None, True), (900, 2_000, True), (None, None, False)])
def test_a_window_that_was_stated_is_kept_to_and_a_guess_is_not(
    stated: int | None, known: int | None, *, learns: bool
) -> None:
    gate = LocalGate()
    gateway = FakeGateway([refused_as_too_long(stated), "one", "two"])
    for _ in range(2):
        asked(gateway, gate, context_window_tokens=known)

    sizes = [len(str(request.messages)) for request in gateway.requests]
    assert sizes[1] < sizes[0], "it was asked again with less"
    assert (sizes[2] == sizes[1]) is learns
    assert (sizes[2] == sizes[0]) is not learns


def test_a_window_that_another_process_learned_while_this_call_waited_is_kept_to() -> None:
    class Told(LocalGate):
        def window_tokens(self, model: str, tenant: str) -> int | None:
            return None  # what this process knew before it asked for its turn

    gate = Told()
    lane = Lane("m", ENVIRONMENT.key_id)
    turn = gate.admit(lane, "other", tokens=1, max_wait_seconds=0)
    gate.finish(lane, "other", CallEnded(CallEnd.NEUTRAL, 1, window_tokens=900), admission=turn, reserved_tokens=1)
    gateway = FakeGateway(["one"])

    asked(gateway, gate)

    assert len(str(gateway.requests[0].messages)) < len(str(LONG.messages))
