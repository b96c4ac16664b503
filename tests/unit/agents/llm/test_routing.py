"""A call on its way through models and keys: what is fallen back from, what is not, and nothing told twice."""

import random
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings

from agents.errors import TaskCancelled
from agents.llm.base import OnDelta
from agents.llm.credentials import ENVIRONMENT, Credential
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
    ModelUsage,
    ModelWindowExceeded,
)
from agents.llm.fake import FakeGateway
from agents.llm.gate.local import LocalGate
from agents.llm.retry import RetryLimits
from agents.llm.routing import Choice, Route, ordered
from agents.llm.timeouts import WHOLE_ANSWER
from agents.llm.types import ModelReply, ModelRequest
from shannon_project.config.catalogue import CatalogueModel, ModelPrice, Selection
from shannon_project.foundation.errors import ShannonError

HELLO = ModelRequest(messages=[{"role": "user", "content": "hello"}], max_output_tokens=10)


def model(name: str, **values: Any) -> CatalogueModel:
    return CatalogueModel(name=name, litellm_name=name, provider=f"provider-of-{name}", **values)


def choice(name: str, *keys: str, **values: Any) -> Choice:
    return Choice(model(name, **values), tuple(Credential(key) for key in keys) or (ENVIRONMENT,))


def route_of(gateway: FakeGateway, *choices: Choice, gate: LocalGate | None = None, **values: Any) -> Route:
    limits = RetryLimits(
        attempts=values.pop("rounds", 1),
        base_seconds=0.001,
        max_seconds=values.pop("max_seconds", 5.0),
        deadline_monotonic_seconds=time.monotonic() + values.pop("left_seconds", 30.0),
    )
    return Route(
        gateway=gateway,
        gate=gate or LocalGate(),
        choices=choices,
        request=HELLO,
        limits=limits,
        checkpoint=values.pop("checkpoint", lambda: None),
        **values,
    )


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


def test_another_key_of_the_same_model_is_tried_before_another_model() -> None:
    gateway = FakeGateway([ModelRateLimited(), "yes"])

    assert route_of(gateway, choice("first", "a", "b"), choice("second")).run().text == "yes"
    assert gateway.models == ["first", "first"]
    assert len(set(gateway.key_ids)) == 2


def test_a_provider_that_is_down_is_not_asked_again_with_another_key() -> None:
    gateway = FakeGateway([ModelUnavailable(), "yes"])

    route_of(gateway, choice("first", "a", "b"), choice("second")).run()

    assert gateway.models == ["first", "second"]


def test_keys_take_turns() -> None:
    gateway = FakeGateway()

    for _ in range(6):
        route_of(gateway, choice("first", "a", "b", "c")).run()

    assert sorted(gateway.key_ids) == ["a", "a", "b", "b", "c", "c"]


def test_keys_of_each_of_several_models_take_turns() -> None:
    gateway, name = FakeGateway(), "first-of-two"

    for _ in range(6):
        route_of(gateway, choice(name, "a", "b"), choice("second-of-two", "c", "d")).run()

    assert sorted(gateway.key_ids) == ["a", "a", "a", "b", "b", "b"]


def test_a_server_that_fails_shuts_no_model_of_that_name_on_another(settings: Settings) -> None:
    settings.SHANNON_MODEL_BREAKER_FAILURES = 1
    gate = LocalGate()
    with pytest.raises(ModelUnavailable):
        route_of(FakeGateway([ModelUnavailable()]), choice("m", api_base="http://ours/v1"), gate=gate).run()

    assert route_of(FakeGateway(["yes"]), choice("m", api_base="http://theirs/v1"), gate=gate).run().text == "yes"
    assert route_of(FakeGateway(["yes"]), choice("m"), gate=gate).run().text == "yes"
    with pytest.raises(ModelUnavailable, match="left alone"):
        route_of(FakeGateway(["yes"]), choice("m", api_base="http://ours/v1"), gate=gate).run()


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


def test_a_lane_that_failed_too_often_is_left_alone_and_then_tried_by_one_call(settings: Settings) -> None:
    settings.SHANNON_MODEL_BREAKER_FAILURES = 2
    settings.SHANNON_MODEL_BREAKER_COOLDOWN_SECONDS = 0.3
    gate = LocalGate()
    gateway = FakeGateway([ModelUnavailable(), "b", ModelUnavailable(), "b", "b", "b", "first is back"])

    for _ in range(2):
        route_of(gateway, choice("first"), choice("second"), gate=gate).run()
    route = route_of(gateway, choice("first"), choice("second"), gate=gate)
    route.run()
    assert gateway.models[-1] == "second"
    assert len(gateway.models) == 5, "the first was not asked"
    assert route.attempts[0].reason == "lane_open"
    time.sleep(0.35)
    route_of(gateway, choice("first"), choice("second"), gate=gate).run()

    assert gateway.models[-1] == "first"


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


def test_a_model_that_cannot_stream_is_asked_for_its_answer_whole() -> None:
    told = list[str]()
    route = route_of(FakeGateway(["whole"]), choice("only", abilities=frozenset()), on_delta=told.append)

    assert route.run().text == "whole"
    assert (told, route.has_text, route.attempts[0].is_streamed) == ([], False, False)


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


PRICES = {"dear": Decimal(10), "cheap": Decimal(1)}


def order(select: Selection, *names: str, draw: Callable[[], float] = lambda: 0.5, **weights: int) -> list[str]:
    def price_of(found: CatalogueModel) -> ModelPrice | None:
        usd = PRICES.get(found.name)
        return None if usd is None else ModelPrice(input_usd_per_million_tokens=usd, output_usd_per_million_tokens=usd)

    models = [model(name, weight=weights.get(name, 1)) for name in names]
    latencies = {"slow": 2.0, "fast": 0.5}
    found = ordered(
        models,
        select,
        price_of=price_of,
        latency_of=lambda known: latencies.get(known.name),
        prompt_tokens=10,
        output_tokens=10,
        draw=draw,
    )
    return [entry.name for entry in found]


def test_candidates_are_asked_in_the_order_that_the_tier_says() -> None:
    assert order(Selection.ORDER, "dear", "cheap") == ["dear", "cheap"]
    assert order(Selection.COST, "unknown", "dear", "cheap") == ["cheap", "dear", "unknown"]
    assert order(Selection.LATENCY, "slow", "fast", "new") == ["new", "fast", "slow"]
    assert order(Selection.WEIGHT, "never", "light", "heavy", never=0, light=1, heavy=9) == ["heavy", "light", "never"]


def test_weights_are_shares() -> None:
    firsts = [order(Selection.WEIGHT, "light", "heavy", light=1, heavy=3, draw=random.random)[0] for _ in range(2_000)]

    assert 0.68 < firsts.count("heavy") / 2_000 < 0.82


def test_a_failure_that_is_not_the_models_own_ends_the_call() -> None:
    gateway = FakeGateway([ShannonError("ours"), "never"])

    with pytest.raises(ShannonError, match="ours"):
        route_of(gateway, choice("first"), choice("second")).run()

    assert gateway.models == ["first"]


class Slow(FakeGateway):
    """Each model answers after its own time; a stream says its text in two pieces, the second a little later."""

    def __init__(self, seconds: dict[str, float], failing: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self.seconds = seconds
        self.failing = failing

    def complete(
        self,
        request: ModelRequest,
        *,
        model: CatalogueModel,
        timeout_seconds: float,
        on_delta: OnDelta | None = None,
        credential: Credential = ENVIRONMENT,
    ) -> ModelReply:
        time.sleep(self.seconds[model.name])
        if model.name in self.failing:
            self.models.append(model.name)
            raise ModelUnavailable(model.name)
        if on_delta is not None:
            on_delta("I am ")
            time.sleep(0.05)
            on_delta(model.name)
        return ModelReply(f"I am {model.name}", prompt_tokens=3, completion_tokens=2, model=model.name)


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_silent_first_choice_is_hedged_and_the_first_to_answer_wins(is_streamed: bool) -> None:
    told: list[str] = []
    on_delta = told.append if is_streamed else None
    gateway = Slow({"first": 1.0, "second": 0.05})
    route = route_of(gateway, choice("first"), choice("second"), hedge_after_seconds=0.1, on_delta=on_delta)

    assert route.run().model == "second"

    lost, won = route.attempts
    assert (lost.model.name, lost.outcome, won.outcome, won.reason) == ("first", "HEDGE_LOST", "ok", "hedge")
    assert lost.used is not None
    assert (lost.used.is_estimate, lost.used.completion_tokens) == (True, 2)
    assert route.lost(but_last=True) == lost.used
    time.sleep(1.2)  # the loser speaks, and nobody hears it
    assert "".join(told) == ("I am second" if is_streamed else "")


def test_keys_take_turns_in_hedged_calls_too() -> None:
    def key_of_first() -> str:
        choices = choice("hedged", "a", "b"), choice("beside", "c", "d")
        route = route_of(Slow({"hedged": 2.0, "beside": 0.0}), *choices, hedge_after_seconds=0.01)
        assert route.run().model == "beside"
        return route.attempts[0].key_id

    assert {key_of_first(), key_of_first()} == {"a", "b"}


def test_a_first_choice_that_speaks_in_time_is_not_hedged() -> None:
    route = route_of(Slow({"first": 0.0}), choice("first"), choice("second"), hedge_after_seconds=5.0)

    assert route.run().model == "first"
    assert len(route.attempts) == 1


def test_a_race_that_one_loses_by_failing_is_won_by_the_other() -> None:
    gateway = Slow({"first": 0.3, "second": 0.05}, failing=frozenset({"second"}))
    route = route_of(gateway, choice("first"), choice("second"), hedge_after_seconds=0.1)

    assert route.run().model == "first"
    assert [attempt.outcome for attempt in route.attempts] == ["MODEL_UNAVAILABLE", "ok"]


def test_a_race_ends_when_the_step_is_cancelled_and_both_are_accounted() -> None:
    moments = iter([None, None, None, None, TaskCancelled()])

    def checkpoint() -> None:
        error = next(moments, TaskCancelled())
        if error is not None:
            raise error

    gateway = Slow({"first": 2.0, "second": 2.0})
    route = route_of(
        gateway, choice("first"), choice("second"), hedge_after_seconds=0.1, checkpoint=checkpoint, on_delta=print
    )

    with pytest.raises(TaskCancelled):
        route.run()

    assert {attempt.outcome for attempt in route.attempts} == {"HEDGE_LOST"}
    assert all(attempt.used is not None and attempt.used.is_estimate for attempt in route.attempts)
