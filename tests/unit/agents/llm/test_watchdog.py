"""Waiting for what may never end is bounded: in time, and in threads left behind."""

import threading
from collections.abc import Iterator

import pytest

from agents.llm import watchdog
from agents.llm.timeouts import CallTimeouts
from agents.llm.watchdog import CallOverdue, TooManyAbandoned, abandoned_count, read_within


def whole(seconds: float) -> CallTimeouts:
    return CallTimeouts(seconds, seconds, seconds, seconds)


def test_items_come_in_order_and_errors_where_they_are_waited_for() -> None:
    def source() -> Iterator[int]:
        yield from (1, 2)
        raise KeyError("lost")

    reading = read_within(source, timeouts=whole(60.0))

    assert [next(reading), next(reading)] == [1, 2]
    with pytest.raises(KeyError, match="lost"):
        next(reading)


def test_no_call_is_made_while_too_many_are_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "_abandoned", set())  # those of other tests come to their ends meanwhile
    monkeypatch.setattr(watchdog, "ABANDONED_MAX", 1)
    ends = threading.Event()

    def never() -> Iterator[int]:
        ends.wait(120.0)
        yield 1

    with pytest.raises(CallOverdue):
        next(read_within(never, timeouts=whole(0.05)))
    with pytest.raises(TooManyAbandoned):
        next(read_within(lambda: [1], timeouts=whole(5.0)))
    (stuck,) = watchdog._abandoned
    ends.set()
    stuck.join(60.0)
    assert abandoned_count() == 0
    assert next(read_within(lambda: [1], timeouts=whole(60.0))) == 1
