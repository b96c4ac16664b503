"""Ends of effects that cannot be written at once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest
from django.db import InterfaceError, OperationalError

from agents.context import Emit
from agents.errors import (
    OutcomeUnknown,
    RecordedFailure,
    StepSuperseded,
    TaskPaused,
)
from agents.fake_engine import FakeStepEngine
from agents.journal.fake import FakeJournalStore
from agents.models import JournalEntry
from tests.unit.agents.journal.plays import Final, Play, raising


class BlinkingStore(FakeJournalStore):
    """A store whose database goes away once, `before` or `after` the writing of a closed entry."""

    def __init__(self, blink: str, error: type[Exception]) -> None:
        super().__init__()
        self.blink, self.error = blink, error

    def update(self, entries: Sequence[JournalEntry]) -> None:
        """Fail once."""
        blink, self.blink = self.blink, ""
        if blink == "before":
            raise self.error("the server closed the connection")
        super().update(entries)
        if blink == "after":
            raise self.error("the server closed the connection")


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_an_effect_whose_end_could_not_be_written_at_once_is_not_done_again(error: type[Exception]) -> None:
    play = Play()
    play.store = BlinkingStore("before", error)
    assert play.call(play.attempt()) == {"position": 0}
    assert play.call(play.attempt()) == {"position": 0}
    assert play.performed == [0]
    assert play.engine.kinds() == ["DONE"]


def test_an_end_that_was_committed_though_the_connection_was_lost_is_not_told_twice() -> None:
    play = Play()
    play.store = BlinkingStore("after", OperationalError)
    assert play.call(play.attempt()) == {"position": 0}
    assert play.performed == [0]
    assert play.engine.kinds() == []  # the fake's events went with the first try, as committed ones would have stayed


def test_a_failure_that_could_not_be_written_at_once_is_kept() -> None:
    play = Play()
    play.store = BlinkingStore("before", OperationalError)
    with pytest.raises(Final):
        play.call(play.attempt(), perform=raising(Final("no")))
    with pytest.raises(RecordedFailure):
        play.call(play.attempt())
    assert play.performed == []


def test_a_step_that_another_worker_holds_by_then_stops_trying_to_write() -> None:
    class Superseding(FakeStepEngine):
        @contextmanager
        def transaction(self, *, begins: bool = False) -> Iterator[Emit]:
            """Let the start pass, lose the connection at the end, and then the lease."""
            self.transactions += 1
            if self.transactions == 2:
                raise OperationalError("the server closed the connection")
            if self.transactions == 3:
                raise StepSuperseded
            yield lambda *_, **__: None

    play = Play()
    play.ctx = replace(play.ctx, engine=Superseding())
    with pytest.raises(StepSuperseded):
        play.call(play.attempt())
    assert play.performed == [0]


def test_an_end_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.journal.closing.PATIENCE_SECONDS", 0.0)
    play = Play()
    play.store = BlinkingStore("before", OperationalError)
    with pytest.raises(OperationalError):
        play.call(play.attempt())


def test_an_effect_that_did_not_begin_is_begun_by_the_next_attempt() -> None:
    play = Play()
    journal = play.attempt()
    play.engine.stops_before_effect = TaskPaused()
    first, second = journal.reserve_positions(2)
    with pytest.raises(TaskPaused):
        play.call(journal, position=first, idempotent=False)
    play.call(journal, position=second, idempotent=False)  # beside it, in another thread
    entry = play.store.entries[play.ctx.step_id][first]
    assert (entry.status, (entry.error or {})["code"]) == ("failed", "EFFECT_NOT_BEGUN")
    again = play.attempt()
    assert again.will_perform(first)
    assert play.call(again, idempotent=False) == {"position": first}
    assert play.call(again, idempotent=False) == {"position": second}
    assert play.performed == [second, first]


def test_whether_an_effect_began_is_left_to_the_worker_that_holds_the_step_now() -> None:
    play = Play()
    play.engine.stops_before_effect = StepSuperseded()
    with pytest.raises(StepSuperseded):
        play.call(play.attempt(), idempotent=False)
    assert play.store.entries[play.ctx.step_id][0].status == "started"
    with pytest.raises(OutcomeUnknown):
        play.call(play.attempt(), idempotent=False)
