"""Where two requests differ; the clock and chance of a step; keys for the other side."""

from typing import Any

import pytest

from agents.errors import JournalMismatch
from agents.journal import Effect
from agents.journal.matching import first_difference
from tests.unit.agents.journal.plays import Play


@pytest.mark.parametrize(
    ("recorded", "asked", "where"),
    [
        ({"a": 1}, {"a": 1}, None),
        ({"a": [1, {"b": "x"}]}, {"a": [1, {"b": "x"}]}, None),
        ({"a": 1}, {"a": 2}, "/a was 1 and is 2"),
        ({"a": 1}, {"a": True}, "/a was 1 and is True"),
        ({"a": 1, "b": 2}, {"a": 1}, "/b is only in the recorded one"),
        ({"a": 1}, {"a": 1, "b": 2}, "/b is only in the new one"),
        ({"a": [1, 2]}, {"a": [1]}, "/a had 2 items and has 1"),
        (
            {"messages": [{"content": "hello"}, {"content": "you are Ada"}]},
            {"messages": [{"content": "hello"}, {"content": "you are Bob"}]},
            "/messages/1/content differs from character 8: 'you are Ada' became 'you are Bob'",
        ),
    ],
)
def test_the_first_difference_is_named(recorded: Any, asked: Any, where: str | None) -> None:
    assert first_difference(recorded, asked) == where


@pytest.mark.parametrize("padding", ["", "y" * 100_000])  # large requests are references in the journal
def test_a_mismatch_says_where(padding: str) -> None:
    play = Play()
    play.call(play.attempt(), {"messages": [{"content": "now"}], "padding": padding})
    with pytest.raises(JournalMismatch) as caught:
        play.call(play.attempt(), {"messages": [{"content": "not"}], "padding": padding})
    assert "/messages/0/content differs from character 2: 'now' became 'not'" in caught.value.message
    assert caught.value.details["position"] == 0
    assert caught.value.details["first_difference"] in caught.value.message


def test_the_time_and_chance_of_a_step_stay_what_they_were() -> None:
    play = Play()
    first = play.attempt()
    seen = (first.now(), first.random(), first.random())
    play.call(first)
    second = play.attempt()
    assert (second.now(), second.random(), second.random()) == seen
    assert second.pending_notes() == []
    assert seen[0].tzinfo is not None
    assert 0.0 <= seen[1] < 1.0
    assert seen[1] != seen[2]


def test_a_call_has_the_same_idempotency_key_in_every_attempt() -> None:
    play = Play()
    keys: list[str] = []

    def perform(effect: Effect) -> dict[str, Any]:
        keys.append(effect.idempotency_key)
        if len(keys) == 1:
            raise KeyboardInterrupt
        return {}

    with pytest.raises(KeyboardInterrupt):
        play.call(play.attempt(), perform=perform)
    play.call(play.attempt(), perform=perform)
    assert keys == [f"{play.ctx.step_id}:0"] * 2
