"""Memory in pgvector."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from agents.journal import Journal
from agents.models import Memory
from agents.services import answer_remember, memories_write, memory_remember, memory_search, notes_write
from policy.types import Principal
from shannon_project.foundation.ids import uuid7
from tests.integration.agents.steps import next_attempt, step_of

TEXTS = {
    "How did Apple shares do?": "Apple's share price rose from 25 to 223 dollars.",
    "What is the weather in Seattle?": "Seattle had rain on 259 days; July was the driest month.",
    "Which language is the sandbox written in?": "Guests run CPython compiled to WebAssembly.",
}


def remember(principal: Principal, query: str, answer: str) -> bool:
    """Remember without a session, for a new task."""
    return memory_remember(tenant_id=principal.tenant_id, session_id=None, task_id=uuid7(), query=query, answer=answer)


def test_the_right_one_of_several_is_found(principal: Principal) -> None:
    for query, answer in TEXTS.items():
        assert remember(principal, query, answer)
    for words, expected in (("stock price of apple", "Apple's"), ("how much does it rain", "Seattle had")):
        hits = memory_search(tenant_id=principal.tenant_id, query=words, limit=2)
        assert len(hits) == 2
        assert expected in hits[0].content
        assert hits[0].score > hits[1].score


def test_another_tenants_memory_is_never_found(principal: Principal, stranger: Principal) -> None:
    for query, answer in TEXTS.items():
        remember(principal, query, answer)
    assert memory_search(tenant_id=stranger.tenant_id, query="Apple shares", limit=50) == []


def test_a_memory_holds_the_question_and_the_answer_within_its_bound(principal: Principal, settings: Any) -> None:
    settings.SHANNON_MEMORY_CONTENT_MAX_CHARACTERS = 40
    remember(principal, "  Which\nnumbers? ", "9 " * 500)
    content = Memory.objects.get().content
    assert content.startswith("Which numbers?\n\n9 9")
    assert "[cut:" in content


@pytest.mark.parametrize(("query", "answer"), [("", "x"), ("x", ""), ("x", " \n"), (" ", "x")])
def test_nothing_is_not_remembered(principal: Principal, query: str, answer: str) -> None:
    assert not remember(principal, query, answer)
    assert not Memory.objects.exists()


def test_an_empty_search_finds_nothing_and_asks_nothing(
    principal: Principal, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        assert memory_search(tenant_id=principal.tenant_id, query=" ") == []


def test_a_search_is_one_query(principal: Principal, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    remember(principal, "q", "an answer")
    with django_assert_num_queries(1):
        memory_search(tenant_id=principal.tenant_id, query="an answer")


def test_an_answer_is_remembered_once_however_often_the_step_runs(principal: Principal) -> None:
    ctx = step_of(principal)
    journal = Journal(ctx)
    memories = answer_remember(ctx, journal, "How many?", "Forty-two.")
    assert not Memory.objects.exists(), "it is written with the step's outcome"
    again = next_attempt(ctx)
    assert answer_remember(again, Journal(again), "How many?", "Forty-two.") == memories, "the first attempt is lost"
    memories_write(memories)
    notes_write(journal.pending_notes())
    last = next_attempt(again)
    assert answer_remember(last, Journal(last), "How many?", "Forty-two.") == ()
    memories_write(memories)
    memory = Memory.objects.get()
    assert (memory.task_id, memory.session_id, memory.tenant_id) == (ctx.task_id, ctx.session_id, principal.tenant_id)


def test_an_answer_without_words_is_not_remembered(principal: Principal) -> None:
    ctx = step_of(principal)
    assert answer_remember(ctx, Journal(ctx), "How many?", " ") == ()
