"""Which key of a model a call takes."""

from agents.llm.errors import (
    ModelRateLimited,
    ModelUnavailable,
)
from agents.llm.fake import FakeGateway
from tests.unit.agents.llm.routing.routes import choice, route_of


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
