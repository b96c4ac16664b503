"""Drainers of short steps take turns; those that wait for models do not."""

from contextlib import ExitStack
from typing import Any

from orchestration.engine.drain import SHORT_STEP_DRAINERS, Drain, _short_turns, _turn


def drainer(claim_size: int) -> Drain:
    facts: Any = None  # a turn asks for nothing of the task
    return Drain(facts, "owner", claim_size=claim_size)


def is_free() -> bool:
    free = _short_turns.acquire(blocking=False)
    if free:
        _short_turns.release()
    return free


def test_few_drainers_of_short_steps_work_at_once_and_then_the_next() -> None:
    with ExitStack() as turns:
        for _ in range(SHORT_STEP_DRAINERS):
            assert is_free()
            turns.enter_context(_turn(drainer(2)))
        assert not is_free()
    assert is_free()


def test_a_drainer_whose_steps_are_not_short_needs_no_turn() -> None:
    with ExitStack() as turns:
        for _ in range(SHORT_STEP_DRAINERS + 1):
            turns.enter_context(_turn(drainer(1)))
        assert is_free()


def test_a_turn_that_does_not_come_holds_nobody_up_for_ever() -> None:
    with ExitStack() as turns:
        for _ in range(SHORT_STEP_DRAINERS):
            turns.enter_context(_turn(drainer(16)))
        with _turn(drainer(16)):
            assert not is_free()
    assert is_free()
