"""Lanes that are shut or full: passed over, waited for, and tried again."""

import time

import pytest
from pytest_django import Settings

from agents.errors import TaskCancelled
from agents.llm.errors import (
    ModelRateLimited,
    ModelTimeout,
    ModelUnavailable,
)
from agents.llm.fake import FakeGateway
from agents.llm.gate.local import LocalGate
from agents.llm.timeouts import WHOLE_ANSWER
from tests.unit.agents.llm.routing.routes import choice, route_of

PATIENCE_SECONDS = 120.0


def test_a_server_that_fails_shuts_no_model_of_that_name_on_another(settings: Settings) -> None:
    settings.SHANNON_MODEL_BREAKER_FAILURES = 1
    gate = LocalGate()
    with pytest.raises(ModelUnavailable):
        route_of(FakeGateway([ModelUnavailable()]), choice("m", api_base="http://ours/v1"), gate=gate).run()

    assert route_of(FakeGateway(["yes"]), choice("m", api_base="http://theirs/v1"), gate=gate).run().text == "yes"
    assert route_of(FakeGateway(["yes"]), choice("m"), gate=gate).run().text == "yes"
    with pytest.raises(ModelUnavailable, match="left alone"):
        route_of(FakeGateway(["yes"]), choice("m", api_base="http://ours/v1"), gate=gate).run()


def test_a_lane_that_failed_too_often_is_left_alone(settings: Settings) -> None:
    settings.SHANNON_MODEL_BREAKER_FAILURES = 2
    settings.SHANNON_MODEL_BREAKER_COOLDOWN_SECONDS = 60.0
    gate = LocalGate()
    gateway = failed_twice(gate)
    route = route_of(gateway, choice("first"), choice("second"), gate=gate)
    route.run()
    assert gateway.models[-1] == "second"
    assert len(gateway.models) == 5, "the first was not asked"
    assert route.attempts[0].reason == "lane_open"


def test_a_lane_that_was_left_alone_for_its_time_is_tried_again(settings: Settings) -> None:
    settings.SHANNON_MODEL_BREAKER_FAILURES = 2
    settings.SHANNON_MODEL_BREAKER_COOLDOWN_SECONDS = 0.05
    gate = LocalGate()
    gateway = failed_twice(gate)
    end_at = time.monotonic() + PATIENCE_SECONDS
    while gateway.models[-1] != "first":
        assert time.monotonic() < end_at, "the first was never asked again"
        route_of(gateway, choice("first"), choice("second"), gate=gate).run()


def failed_twice(gate: LocalGate) -> FakeGateway:
    """Return a gateway whose first model was unavailable twice, each time answered for by the second."""
    gateway = FakeGateway([ModelUnavailable(), "b", ModelUnavailable(), "b"])
    for _ in range(2):
        route_of(gateway, choice("first"), choice("second"), gate=gate).run()
    return gateway


def overdue() -> ModelTimeout:
    return ModelTimeout(details={"waited_for": WHOLE_ANSWER})


def test_steps_that_had_no_time_left_shut_no_lane_for_others(settings: Settings) -> None:
    settings.SHANNON_MODEL_BREAKER_FAILURES = 2
    gate = LocalGate()
    for _ in range(5):
        with pytest.raises(ModelTimeout):
            route_of(FakeGateway([overdue()]), choice("only"), gate=gate, left_seconds=1.0).run()

    assert route_of(FakeGateway(["yes"]), choice("only"), gate=gate).run().text == "yes"


def test_a_provider_that_uses_up_the_time_of_a_whole_call_is_left_alone(settings: Settings) -> None:
    settings.SHANNON_MODEL_BREAKER_FAILURES = 2
    gate = LocalGate()
    for _ in range(2):
        with pytest.raises(ModelTimeout):
            route_of(FakeGateway([overdue()]), choice("only"), gate=gate, left_seconds=600.0).run()

    with pytest.raises(ModelUnavailable, match="left alone"):
        route_of(FakeGateway(["yes"]), choice("only"), gate=gate).run()


def test_a_lane_that_is_full_is_passed_over_for_one_that_is_free() -> None:
    gate, gateway = LocalGate(), FakeGateway()
    choices = (choice("first", requests_per_minute=1), choice("second"))

    route_of(gateway, *choices, gate=gate).run()
    route_of(gateway, *choices, gate=gate).run()

    assert gateway.models == ["first", "second"]


def test_a_single_lane_that_is_full_is_waited_for(settings: Settings) -> None:
    settings.SHANNON_MODEL_RATE_PERIOD_SECONDS = 0.5
    gate, gateway = LocalGate(), FakeGateway()
    started = time.monotonic()

    for _ in range(3):
        route_of(gateway, choice("only", requests_per_minute=1), gate=gate).run()

    assert time.monotonic() - started >= 1.0


def test_a_turn_that_would_come_too_late_is_a_limit_that_says_so() -> None:
    gate, gateway = LocalGate(), FakeGateway()
    only = choice("only", requests_per_minute=1)
    route_of(gateway, only, gate=gate).run()

    with pytest.raises(ModelRateLimited, match="limits of only"):
        route_of(gateway, only, gate=gate, left_seconds=2.0).run()


def test_waiting_ends_when_the_step_is_cancelled() -> None:
    gate, gateway = LocalGate(), FakeGateway()
    only = choice("only", requests_per_minute=1)
    route_of(gateway, only, gate=gate).run()
    asked = iter([None, None, TaskCancelled()])

    def checkpoint() -> None:
        error = next(asked)
        if error is not None:
            raise error

    with pytest.raises(TaskCancelled):
        route_of(gateway, only, gate=gate, left_seconds=120.0, checkpoint=checkpoint).run()

    assert len(gateway.requests) == 1
