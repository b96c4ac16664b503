"""What is fallen back from, what is not, and when it is tried again."""

import time

import pytest

from agents.llm.errors import (
    ModelAnswerInvalid,
    ModelAnswerTooLong,
    ModelContentFiltered,
    ModelFailure,
    ModelRateLimited,
    ModelRefused,
    ModelRequestInvalid,
    ModelTimeout,
    ModelUnavailable,
    ModelWindowExceeded,
)
from agents.llm.fake import FakeGateway
from shannon_project.foundation.errors import ShannonError
from tests.unit.agents.llm.routing.routes import choice, route_of


@pytest.mark.parametrize(
    "error", [ModelUnavailable(), ModelTimeout(), ModelRateLimited(), ModelRefused(), ModelAnswerInvalid()]
)
def test_what_another_provider_may_not_share_falls_back_to_it(error: ModelFailure) -> None:
    gateway = FakeGateway([error, "from the second"])
    route = route_of(gateway, choice("first"), choice("second"))

    assert route.run().text == "from the second"
    assert gateway.models == ["first", "second"]
    assert [(attempt.outcome, attempt.reason) for attempt in route.attempts] == [(error.code, ""), ("ok", error.code)]


@pytest.mark.parametrize(
    "error",
    [
        ModelContentFiltered(),
        ModelAnswerTooLong(),
        ModelRequestInvalid(details={"provider_status": 400}),
    ],
)
def test_what_is_the_requests_own_fault_is_not_tried_elsewhere(error: ModelFailure) -> None:
    gateway = FakeGateway([error, "never"])

    with pytest.raises(type(error)):
        route_of(gateway, choice("first"), choice("second")).run()

    assert gateway.models == ["first"]


@pytest.mark.parametrize(
    "error",
    [
        ModelRequestInvalid(details={"provider_status": 404}),
        ModelWindowExceeded(details={"provider_status": 400}),
    ],
)
def test_a_model_that_is_not_there_or_too_small_is_fallen_back_from(error: ModelFailure) -> None:
    gateway = FakeGateway([error, "yes"])

    assert route_of(gateway, choice("first"), choice("second")).run().text == "yes"


def test_after_all_choices_failed_they_are_tried_again_from_the_first() -> None:
    gateway = FakeGateway([ModelUnavailable(), ModelUnavailable(), "at last"])

    assert route_of(gateway, choice("first"), choice("second"), rounds=2).run().text == "at last"
    assert gateway.models == ["first", "second", "first"]


def test_the_pause_is_what_the_provider_asks_for() -> None:
    gateway = FakeGateway([ModelRateLimited(details={"retry_after_seconds": 0.3}), "now"])
    started = time.monotonic()

    assert route_of(gateway, choice("only"), rounds=2).run().text == "now"
    assert time.monotonic() - started >= 0.3


def test_a_pause_that_is_longer_than_there_is_time_fails_at_once() -> None:
    gateway = FakeGateway([ModelRateLimited(details={"retry_after_seconds": 60.0})])

    with pytest.raises(ModelRateLimited):
        route_of(gateway, choice("only"), rounds=3).run()

    assert len(gateway.requests) == 1


def test_a_failure_that_is_not_the_models_own_ends_the_call() -> None:
    gateway = FakeGateway([ShannonError("ours"), "never"])

    with pytest.raises(ShannonError, match="ours"):
        route_of(gateway, choice("first"), choice("second")).run()

    assert gateway.models == ["first"]
