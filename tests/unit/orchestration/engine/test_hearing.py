"""A worker's watch over its own hearing, turn by turn."""

import pytest

from orchestration.engine.hearing import HearingWatch
from orchestration.worker import takes_steps


class Broker:
    """Takes messages or not, and can be told that the worker's threads are all at work."""

    def __init__(self) -> None:
        self.answers = True
        self.is_full = False
        self.asked = 0

    def ask(self) -> bool:
        self.asked += 1
        return self.answers


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def watch(broker: Broker) -> HearingWatch:
    return HearingWatch(broker.ask, is_full=lambda: broker.is_full, patience_turns=3)


def test_a_worker_that_hears_is_asked_for_ever(watch: HearingWatch, broker: Broker) -> None:
    for _ in range(10):
        assert watch.turn() is False
        watch.hear()
    assert broker.asked == 10


def test_a_worker_that_hears_nothing_is_deaf_after_so_many_messages(watch: HearingWatch) -> None:
    assert [watch.turn() for _ in range(4)] == [False, False, False, True]


def test_one_message_that_comes_makes_up_for_those_that_did_not(watch: HearingWatch) -> None:
    assert [watch.turn() for _ in range(3)] == [False, False, False]
    watch.hear()
    assert [watch.turn() for _ in range(3)] == [False, False, False]


def test_a_broker_that_takes_no_message_makes_nobody_deaf(watch: HearingWatch, broker: Broker) -> None:
    broker.answers = False
    assert not any(watch.turn() for _ in range(10))
    broker.answers = True
    assert [watch.turn() for _ in range(4)] == [False, False, False, True]


def test_a_worker_that_has_no_free_thread_is_not_deaf(watch: HearingWatch, broker: Broker) -> None:
    broker.is_full = True
    assert not any(watch.turn() for _ in range(10))
    broker.is_full = False
    assert [watch.turn() for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize(
    ("queues", "expected"),
    [(["steps"], True), (["control"], False), ("steps,control", True), (["control", "steps"], True), (None, False)],
)
def test_only_a_worker_of_steps_loads_models_and_sandbox(queues: list[str] | str | None, expected: bool) -> None:
    assert takes_steps(queues) is expected
