"""A first choice that says nothing is hedged: one of two is heard, both are paid."""

import threading
import time

import pytest

from agents.errors import TaskCancelled
from agents.llm.base import OnDelta
from agents.llm.credentials import ENVIRONMENT, Credential
from agents.llm.errors import (
    ModelUnavailable,
)
from agents.llm.fake import FakeGateway
from agents.llm.types import ModelReply, ModelRequest
from shannon_project.config.catalogue import CatalogueModel
from tests.unit.agents.llm.routing.routes import choice, route_of

PATIENCE_SECONDS = 120.0
UNTIL_RELEASED = float("inf")


class Slow(FakeGateway):
    """Each model answers after its own time; a stream says its text in two pieces, the second a little later."""

    def __init__(self, seconds: dict[str, float], failing: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self.seconds = seconds
        self.failing = failing
        self.ended = {name: threading.Event() for name in seconds}
        self.released = threading.Event()
        """Whoever takes `UNTIL_RELEASED` answers then."""

    def complete(
        self,
        request: ModelRequest,
        *,
        model: CatalogueModel,
        timeout_seconds: float,
        on_delta: OnDelta | None = None,
        credential: Credential = ENVIRONMENT,
    ) -> ModelReply:
        if self.seconds[model.name] == UNTIL_RELEASED:
            assert self.released.wait(PATIENCE_SECONDS)
        else:
            time.sleep(self.seconds[model.name])
        try:
            if model.name in self.failing:
                self.models.append(model.name)
                raise ModelUnavailable(model.name)
            if on_delta is not None:
                on_delta("I am ")
                time.sleep(0.05)
                on_delta(model.name)
        finally:
            self.ended[model.name].set()
        return ModelReply(f"I am {model.name}", prompt_tokens=3, completion_tokens=2, model=model.name)


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_silent_first_choice_is_hedged_and_the_first_to_answer_wins(is_streamed: bool) -> None:
    told: list[str] = []
    on_delta = told.append if is_streamed else None
    gateway = Slow({"first": UNTIL_RELEASED, "second": 0.0})
    route = route_of(gateway, choice("first"), choice("second"), hedge_after_seconds=0.1, on_delta=on_delta)

    assert route.run().model == "second"

    gateway.released.set()
    lost, won = route.attempts
    assert (lost.model.name, lost.outcome, won.outcome, won.reason) == ("first", "HEDGE_LOST", "ok", "hedge")
    assert lost.used is not None
    assert (lost.used.is_estimate, lost.used.completion_tokens) == (True, 2)
    assert route.lost(but_last=True) == lost.used
    assert gateway.ended["first"].wait(PATIENCE_SECONDS), "the loser has spoken"
    assert "".join(told) == ("I am second" if is_streamed else "")


def test_keys_take_turns_in_hedged_calls_too() -> None:
    def key_of_first() -> str:
        choices = choice("hedged", "a", "b"), choice("beside", "c", "d")
        gateway = Slow({"hedged": UNTIL_RELEASED, "beside": 0.0})
        route = route_of(gateway, *choices, hedge_after_seconds=0.01)
        assert route.run().model == "beside"
        gateway.released.set()
        return route.attempts[0].key_id

    assert {key_of_first(), key_of_first()} == {"a", "b"}


def test_a_first_choice_that_speaks_in_time_is_not_hedged() -> None:
    route = route_of(Slow({"first": 0.0}), choice("first"), choice("second"), hedge_after_seconds=PATIENCE_SECONDS)

    assert route.run().model == "first"
    assert len(route.attempts) == 1


def test_a_race_that_one_loses_by_failing_is_won_by_the_other() -> None:
    gateway = Slow({"first": UNTIL_RELEASED, "second": 0.0}, failing=frozenset({"second"}))
    of_others = set(threading.enumerate())

    def checkpoint() -> None:
        racing = [thread for thread in set(threading.enumerate()) - of_others if thread.name == "model-race"]
        if gateway.ended["second"].is_set() and len(racing) == 1:
            gateway.released.set()  # the second's thread has ended, so its failure is known

    route = route_of(gateway, choice("first"), choice("second"), hedge_after_seconds=0.1, checkpoint=checkpoint)

    assert route.run().model == "first"
    assert [attempt.outcome for attempt in route.attempts] == ["MODEL_UNAVAILABLE", "ok"]


def test_a_race_ends_when_the_step_is_cancelled_and_both_are_accounted() -> None:
    moments = iter([None, None, None, None, TaskCancelled()])

    def checkpoint() -> None:
        error = next(moments, TaskCancelled())
        if error is not None:
            raise error

    gateway = Slow({"first": UNTIL_RELEASED, "second": UNTIL_RELEASED})
    route = route_of(
        gateway, choice("first"), choice("second"), hedge_after_seconds=0.1, checkpoint=checkpoint, on_delta=print
    )

    with pytest.raises(TaskCancelled):
        route.run()

    gateway.released.set()
    assert {attempt.outcome for attempt in route.attempts} == {"HEDGE_LOST"}
    assert all(attempt.used is not None and attempt.used.is_estimate for attempt in route.attempts)
