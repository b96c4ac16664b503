"""The journal on Postgres: crashes, re-runs, and what they must not repeat."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection
from pytest_django import DjangoAssertNumQueries

from agents.errors import JournalMismatch, OutcomeUnknown
from agents.journal import Effect, EffectDraft, Journal
from agents.journal.postgres import PostgresJournalStore
from agents.journal.reading import notes_write, step_usage
from agents.models import JournalEntry
from agents.types import Usage
from policy.types import Principal
from tests.integration.agents.steps import engine_of, next_attempt, step_of

Perform = Callable[[Effect], dict[str, Any]]


class Crash(BaseException):
    """The process died here."""


class Counter:
    """An effect that counts how often it happens; `crashes` says how often it ends the process instead."""

    def __init__(self, crashes: int = 0) -> None:
        self.happened = 0
        self.crashes = crashes

    def __call__(self, _: Effect) -> dict[str, Any]:
        if self.crashes:
            self.crashes -= 1
            raise Crash
        self.happened += 1
        return {"text": "tschüß \u0000 \ud800", "number": 1e16, "nested": {"b": 1, "a": [None, True, 0.1]}}


def ask(journal: Journal, perform: Perform, *, idempotent: bool = True, request: str = "x") -> dict[str, Any]:
    """Do one effect."""
    return journal.effect(
        EffectDraft(
            kind="tool",
            key="t",
            request={"asked": request},
            perform=perform,
            idempotent=idempotent,
            before=lambda emit, _: emit("BEFORE"),
            after=lambda emit, _, __: emit("AFTER"),
        )
    )


def test_a_finished_call_is_not_repeated_after_a_crash(principal: Principal) -> None:
    ctx, first, second = step_of(principal), Counter(), Counter(crashes=1)
    journal = Journal(ctx)
    answer = ask(journal, first)
    with pytest.raises(Crash):
        ask(journal, second)
    again = Journal(next_attempt(ctx))
    assert ask(again, first) == answer
    ask(again, second)
    assert (first.happened, second.happened) == (1, 1)
    assert engine_of(ctx).kinds() == ["BEFORE", "AFTER", "BEFORE", "BEFORE", "AFTER"]
    rows = JournalEntry.objects.filter(step_id=ctx.step_id).order_by("position")
    assert [(row.position, row.status, row.attempt) for row in rows] == [(0, "finished", 1), (1, "finished", 2)]


def test_a_replayed_answer_equals_the_first_to_the_letter(principal: Principal) -> None:
    ctx = step_of(principal)
    first = ask(Journal(ctx), Counter())
    second = ask(Journal(next_attempt(ctx)), Counter())
    assert str(first) == str(second)
    assert first["text"] == "tschüß \ufffd \ufffd"


def test_a_started_call_that_may_not_be_repeated_stops_the_step(principal: Principal) -> None:
    ctx, effect = step_of(principal), Counter(crashes=1)
    with pytest.raises(Crash):
        ask(Journal(ctx), effect, idempotent=False)
    with pytest.raises(OutcomeUnknown):
        ask(Journal(next_attempt(ctx)), effect, idempotent=False)
    assert effect.happened == 0


def test_a_step_that_asks_for_something_else_is_stopped(principal: Principal) -> None:
    ctx = step_of(principal)
    ask(Journal(ctx), Counter())
    with pytest.raises(JournalMismatch) as caught:
        ask(Journal(next_attempt(ctx)), Counter(), request="y")
    assert "with another request" in caught.value.message
    assert caught.value.details["position"] == 0


def test_a_start_that_is_refused_leaves_nothing(principal: Principal) -> None:
    ctx = step_of(principal)

    def refuse(_: object, __: int) -> None:
        raise Crash

    with pytest.raises(Crash):
        Journal(ctx).effect(
            EffectDraft(kind="k", key="", request={}, perform=Counter(), idempotent=True, before=refuse)
        )
    assert not JournalEntry.objects.exists()
    assert engine_of(ctx).events == []


def test_an_end_that_cannot_be_written_leaves_the_effect_started(principal: Principal) -> None:
    ctx = step_of(principal)

    def refuse(_: object, __: int, ___: object) -> None:
        raise Crash

    with pytest.raises(Crash):
        Journal(ctx).effect(EffectDraft(kind="k", key="", request={}, perform=Counter(), idempotent=True, after=refuse))
    assert JournalEntry.objects.get().status == "started"


def test_an_effect_costs_an_insert_and_an_update(
    principal: Principal, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    journal = Journal(step_of(principal))
    with django_assert_num_queries(7):  # the journal's one load; twice a savepoint, a write and its release
        ask(journal, Counter())
    with django_assert_num_queries(6):
        ask(journal, Counter())


def test_a_replay_costs_one_query_for_the_whole_step(
    principal: Principal, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ctx = step_of(principal)
    journal = Journal(ctx)
    for _ in range(5):
        ask(journal, Counter())
    again = Journal(next_attempt(ctx))
    with django_assert_num_queries(1):
        for _ in range(5):
            ask(again, Counter())


def test_notes_are_written_with_the_next_effect_in_its_query(
    principal: Principal, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ctx = step_of(principal)
    journal = Journal(ctx)
    journal.observe("workspace", "overview", lambda: {"text": ""})
    journal.note("n", "", {}, {})
    with django_assert_num_queries(6):
        ask(journal, Counter())
    journal.note("n", "", {}, {})
    notes_write(journal.pending_notes())
    positions = JournalEntry.objects.filter(step_id=ctx.step_id).order_by("position").values_list("position", "kind")
    assert list(positions) == [(0, "workspace"), (1, "n"), (2, "tool"), (3, "n")]


def test_a_note_written_twice_is_one_entry(principal: Principal) -> None:
    ctx = step_of(principal)
    for attempt in (ctx, next_attempt(ctx)):
        journal = Journal(attempt)
        journal.note("n", "", {}, {})
        notes_write(journal.pending_notes())
    assert JournalEntry.objects.get().attempt == 1


def test_two_effects_of_one_position_are_impossible(principal: Principal) -> None:
    ctx = step_of(principal)
    stale = Journal(ctx)
    assert stale.will_perform()
    ask(Journal(ctx), Counter())
    with pytest.raises(IntegrityError):
        ask(stale, Counter())


def test_the_usage_of_a_step_is_the_sum_of_its_finished_effects(principal: Principal) -> None:
    ctx = step_of(principal)
    journal = Journal(ctx)

    def model(cost_usd: Decimal | None) -> Perform:
        def perform(effect: Effect) -> dict[str, Any]:
            effect.charge(prompt_tokens=10, completion_tokens=2, cost_usd=cost_usd)
            return {}

        return perform

    ask(journal, Counter())
    for _ in range(2):
        journal.effect(EffectDraft(kind="model", key="", request={}, perform=model(Decimal("0.25")), idempotent=True))
    assert step_usage(ctx.step_id) == Usage(20, 4, Decimal("0.5"), model_calls=2, tool_calls=1)
    journal.effect(EffectDraft(kind="model", key="", request={}, perform=model(None), idempotent=True))
    assert step_usage(ctx.step_id).cost_usd is None


class KillingStore(PostgresJournalStore):
    """Has the server end the connection once, in the transaction that closes an effect."""

    def __init__(self) -> None:
        self.killed = 0

    def update(self, entries: Sequence[JournalEntry]) -> None:
        """End our own connection, the first time."""
        if not self.killed:
            self.killed += 1
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        super().update(entries)


@pytest.mark.django_db(transaction=True)
def test_what_was_done_is_recorded_although_the_server_ends_the_connection(principal: Principal) -> None:
    ctx, counter, store = step_of(principal), Counter(), KillingStore()
    answer = ask(Journal(ctx, store), counter)
    assert store.killed == 1
    assert ask(Journal(next_attempt(ctx)), counter) == answer
    assert counter.happened == 1
    assert JournalEntry.objects.get().status == "finished"
    assert engine_of(ctx).kinds() == ["BEFORE", "AFTER"]
