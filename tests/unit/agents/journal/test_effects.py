"""What a step did outside itself is done once, and told again to who runs the step again."""

from decimal import Decimal
from typing import Any

import pytest

from agents.context import Emit
from agents.errors import (
    JournalMismatch,
    JournalValueTooLarge,
    OutcomeUnknown,
    RecordedFailure,
    TaskCancelled,
)
from agents.journal import Effect
from shannon_project.foundation.errors import Unavailable
from tests.unit.agents.journal.plays import Crash, Final, Play, raising


def test_a_finished_effect_is_not_repeated_and_emits_nothing_again() -> None:
    play = Play()
    first = play.attempt()
    answers = [play.call(first), play.call(first)]
    second = play.attempt()
    assert not second.will_perform()
    assert [play.call(second), play.call(second)] == answers
    assert second.will_perform()
    assert play.performed == [0, 1]
    assert play.engine.kinds() == ["DONE", "DONE"]
    assert play.store.loads == 2


def test_an_effect_costs_two_transactions_and_a_replay_none() -> None:
    play = Play()
    play.call(play.attempt())
    assert (play.engine.transactions, play.store.writes) == (2, 2)
    play.call(play.attempt())
    assert (play.engine.transactions, play.store.writes) == (2, 2)


def test_an_unfinished_idempotent_effect_is_done_again() -> None:
    play = Play()
    with pytest.raises(Crash):
        play.call(play.attempt(), perform=raising(Crash()))
    journal = play.attempt()
    assert journal.will_perform()
    assert play.call(journal) == {"position": 0}
    assert play.store.entries[play.ctx.step_id][0].attempt == 3


def test_an_unfinished_effect_that_may_not_be_repeated_is_unknown() -> None:
    play = Play()
    with pytest.raises(Crash):
        play.call(play.attempt(), perform=raising(Crash()), idempotent=False)
    with pytest.raises(OutcomeUnknown) as caught:
        play.call(play.attempt(), idempotent=False)
    assert caught.value.details == {"position": 0, "kind": "tool", "key": "t"}
    assert play.performed == []


@pytest.mark.parametrize("changed", [{"kind": "model"}, {"key": "other"}, {"request": {"a": 2}}])
def test_another_request_at_the_same_position_is_a_mismatch(changed: dict[str, Any]) -> None:
    play = Play()
    play.call(play.attempt(), {"a": 1})
    with pytest.raises(JournalMismatch) as caught:
        play.call(play.attempt(), **({"request": {"a": 1}} | changed))
    details = caught.value.details
    assert details["position"] == 0
    assert details["recorded"] != details["asked"]
    assert details["recorded"]["kind"] == "tool"


def test_a_failure_for_good_is_raised_again_without_trying() -> None:
    play = Play()
    with pytest.raises(Final):
        play.call(play.attempt(), perform=raising(Final("no", details={"why": 1})))
    with pytest.raises(RecordedFailure) as caught:
        play.call(play.attempt())
    assert caught.value.as_json() == {"code": "FINAL", "message": "no", "retryable": False, "details": {"why": 1}}
    assert play.performed == []


def test_a_passing_failure_is_tried_again_where_the_attempt_stopped() -> None:
    play = Play()
    with pytest.raises(Unavailable):
        play.call(play.attempt(), perform=raising(Unavailable()))
    assert play.call(play.attempt()) == {"position": 0}


def test_a_passing_failure_that_the_step_lived_with_stays_a_failure() -> None:
    play = Play()
    first = play.attempt()
    with pytest.raises(Unavailable):
        play.call(first, perform=raising(Unavailable()))
    play.call(first)
    second = play.attempt()
    with pytest.raises(RecordedFailure):
        play.call(second)
    assert play.call(second) == {"position": 1}
    assert play.performed == [1]


def test_what_before_raises_prevents_the_effect_and_its_events() -> None:
    play = Play()

    def refuse(emit: Emit, _: int) -> None:
        emit("NEVER")
        raise Final

    with pytest.raises(Final):
        play.call(play.attempt(), before=refuse)
    assert play.engine.transactions == 0
    assert play.engine.events == []
    assert play.performed == []


def test_a_stopped_step_leaves_its_effect_open() -> None:
    play = Play()
    with pytest.raises(TaskCancelled):
        play.call(play.attempt(), perform=raising(TaskCancelled()))
    assert play.store.entries[play.ctx.step_id][0].status == "started"


def test_on_failure_is_called_with_the_error() -> None:
    play = Play()
    with pytest.raises(Final):
        play.call(
            play.attempt(),
            perform=raising(Final("no")),
            on_failure=lambda emit, position, error: emit("FAILED", f"{position} {error.message}"),
        )
    assert [(event.kind, event.message) for event in play.engine.events] == [("FAILED", "0 no")]


def test_what_an_effect_used_is_kept_with_it() -> None:
    play = Play()

    def perform(effect: Effect) -> dict[str, Any]:
        effect.charge(prompt_tokens=7, completion_tokens=3, cost_usd=Decimal("0.01"))
        return {}

    play.call(play.attempt(), perform=perform)
    entry = play.store.entries[play.ctx.step_id][0]
    assert (entry.prompt_tokens, entry.completion_tokens, entry.cost_usd) == (7, 3, Decimal("0.01"))


def test_reserved_positions_keep_their_order_however_they_end() -> None:
    play = Play()
    first = play.attempt()
    left, right = first.reserve_positions(2)
    play.call(first, {"n": "right"}, position=right)
    play.call(first, {"n": "left"}, position=left)
    play.call(first)
    second = play.attempt()
    again = second.reserve_positions(2)
    assert play.call(second, {"n": "left"}, position=again[0]) == {"position": 0}
    assert play.call(second, {"n": "right"}, position=again[1]) == {"position": 1}
    assert play.performed == [1, 0, 2]


def test_notes_cost_nothing_and_go_with_the_next_effect_or_the_outcome() -> None:
    play = Play()
    journal = play.attempt()
    journal.note("noop", "n", {}, {"done": True})
    assert (play.store.loads, play.engine.transactions) == (0, 0)
    assert [note.position for note in journal.pending_notes()] == [0]
    play.call(journal)
    assert journal.pending_notes() == []
    journal.note("noop", "n", {}, {"done": True})
    assert [note.position for note in journal.pending_notes()] == [2]
    assert sorted(play.store.entries[play.ctx.step_id]) == [0, 1]

    again = play.attempt()
    again.note("noop", "n", {}, {"done": True})
    assert play.call(again) == {"position": 1}
    again.note("noop", "n", {}, {"done": True})
    assert [note.position for note in again.pending_notes()] == [2]


def test_an_observation_stays_what_it_was_once_the_step_went_on() -> None:
    play = Play()
    first = play.attempt()
    assert first.observe("workspace", "overview", lambda: {"text": "one file"}) == {"text": "one file"}
    second = play.attempt()
    assert second.observe("workspace", "overview", lambda: {"text": "two files"}) == {"text": "two files"}
    play.call(second)
    third = play.attempt()
    assert third.observe("workspace", "overview", lambda: {"text": "three"}) == {"text": "two files"}


def test_a_response_that_is_too_large_fails_the_effect(settings: Any) -> None:
    settings.SHANNON_JOURNAL_RESPONSE_MAX_BYTES = 100
    play = Play()
    with pytest.raises(JournalValueTooLarge):
        play.call(play.attempt(), perform=lambda _: {"text": "x" * 200})
    assert play.store.entries[play.ctx.step_id][0].status == "failed"
