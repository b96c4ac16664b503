"""What was told of an answer is never told twice, and is paid."""

import pytest

from agents.errors import TaskCancelled
from agents.llm.base import OnDelta
from agents.llm.credentials import ENVIRONMENT, Credential
from agents.llm.errors import (
    ModelUnavailable,
    ModelUsage,
)
from agents.llm.fake import FakeGateway
from agents.llm.types import ModelReply, ModelRequest
from shannon_project.config.catalogue import CatalogueModel
from tests.unit.agents.llm.routing.routes import choice, route_of


class BreaksOff(FakeGateway):
    """Says a part and breaks."""

    def complete(
        self,
        request: ModelRequest,
        *,
        model: CatalogueModel,
        timeout_seconds: float,
        on_delta: OnDelta | None = None,
        credential: Credential = ENVIRONMENT,
    ) -> ModelReply:
        self.requests.append(request)
        self.models.append(model.name)
        if on_delta is not None:
            on_delta("Once upon")
        failure = ModelUnavailable("cut")
        failure.used = ModelUsage(5, 2, None)
        raise failure


def test_text_that_was_told_is_never_told_again() -> None:
    gateway, told = BreaksOff(), list[str]()
    route = route_of(gateway, choice("first"), choice("second"), rounds=3, on_delta=told.append)

    with pytest.raises(ModelUnavailable, match="cut"):
        route.run()

    assert told == ["Once upon"]
    assert gateway.models == ["first"]
    lost = route.lost(but_last=False)
    assert lost is not None
    assert lost.is_estimate


def test_a_reader_that_stops_leaves_an_estimate_of_what_was_used() -> None:
    def stop(_: str) -> None:
        raise TaskCancelled

    route = route_of(FakeGateway(["a long answer"]), choice("only"), on_delta=stop)

    with pytest.raises(TaskCancelled):
        route.run()

    (attempt,) = route.attempts
    assert attempt.outcome == "TASK_CANCELLED"
    assert attempt.used is not None
    assert attempt.used.is_estimate
    assert attempt.used.completion_tokens > 0


def test_a_model_that_cannot_stream_is_asked_for_its_answer_whole() -> None:
    told = list[str]()
    route = route_of(FakeGateway(["whole"]), choice("only", abilities=frozenset()), on_delta=told.append)

    assert route.run().text == "whole"
    assert (told, route.has_text, route.attempts[0].is_streamed) == ([], False, False)
