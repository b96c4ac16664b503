"""Sessions, their names, titles and messages."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from agents.errors import SessionIdInvalid, SessionNotFound, SessionTitleInvalid
from agents.models import Message, Session
from agents.selectors import messages_before, messages_recent, session_for, sessions_page
from agents.services import message_append, session_delete, session_open, session_rename
from policy.types import Principal
from shannon_project.foundation.ids import uuid7


def test_without_an_id_a_new_session_is_opened(principal: Principal) -> None:
    first = session_open(principal=principal, session_id=None)
    second = session_open(principal=principal, session_id=None, context={"project": "x"})
    assert first.id != second.id
    assert (second.tenant_id, second.user_id, second.context) == (principal.tenant_id, "ada", {"project": "x"})


def test_a_uuid_opens_the_session_that_it_names(principal: Principal) -> None:
    session = session_open(principal=principal, session_id=None)
    assert session_open(principal=principal, session_id=str(session.id)) == session


def test_a_uuid_of_nobody_is_not_found(principal: Principal) -> None:
    with pytest.raises(SessionNotFound):
        session_open(principal=principal, session_id=str(uuid7()))


def test_another_tenants_session_does_not_exist(principal: Principal, stranger: Principal) -> None:
    session = session_open(principal=principal, session_id="demo")
    for attempt in (
        lambda: session_open(principal=stranger, session_id=str(session.id)),
        lambda: session_for(principal=stranger, session_id=str(session.id)),
        lambda: session_for(principal=stranger, session_id="demo"),
        lambda: session_rename(principal=stranger, session_id=session.id, title="mine"),
        lambda: session_delete(principal=stranger, session_id=session.id),
    ):
        with pytest.raises(SessionNotFound):
            attempt()
    message_append(session_id=session.id, task_id=uuid7(), role="user", content="secret")
    assert messages_recent(principal=stranger, session_id=session.id, limit=10) == []
    assert sessions_page(principal=stranger, limit=10) == ([], 0)


def test_a_name_is_found_or_made_and_is_the_tenants_own(principal: Principal, stranger: Principal) -> None:
    first = session_open(principal=principal, session_id="user:42")
    assert session_open(principal=principal, session_id="user:42") == first
    assert session_for(principal=principal, session_id="user:42") == first
    assert session_open(principal=stranger, session_id="user:42") != first


def test_a_wrong_name_is_refused(principal: Principal) -> None:
    with pytest.raises(SessionIdInvalid):
        session_open(principal=principal, session_id="a b")


@pytest.mark.django_db(transaction=True)
def test_a_name_opened_by_many_at_once_is_one_session(principal: Principal) -> None:
    def open_one(_: int) -> Any:
        try:
            return session_open(principal=principal, session_id="race").id
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(open_one, range(16)))) == 1
    assert Session.objects.filter(external_id="race").count() == 1


def test_a_deleted_session_is_gone_and_its_name_free(principal: Principal) -> None:
    session = session_open(principal=principal, session_id="demo")
    session_delete(principal=principal, session_id="demo")
    with pytest.raises(SessionNotFound):
        session_for(principal=principal, session_id=session.id)
    with pytest.raises(SessionNotFound):
        session_delete(principal=principal, session_id=session.id)
    assert session_open(principal=principal, session_id="demo").id != session.id
    assert Session.objects.get(pk=session.id).deleted_at is not None


def test_sessions_are_listed_newest_first_with_their_number(
    principal: Principal, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    opened = [session_open(principal=principal, session_id=None).id for _ in range(5)]
    with django_assert_num_queries(2):
        page, total = sessions_page(principal=principal, limit=2, offset=1)
    assert total == 5
    assert [session.id for session in page] == [opened[3], opened[2]]


def test_a_title_has_one_to_sixty_characters(principal: Principal) -> None:
    session = session_open(principal=principal, session_id=None)
    assert session_rename(principal=principal, session_id=session.id, title=" x " * 20).title == (" x " * 20).strip()
    for title in ("", "   ", "x" * 61):
        with pytest.raises(SessionTitleInvalid):
            session_rename(principal=principal, session_id=session.id, title=title)


def test_the_first_question_becomes_the_title_and_no_later_one(principal: Principal) -> None:
    session = session_open(principal=principal, session_id=None)
    message_append(session_id=session.id, task_id=uuid7(), role="assistant", content="hello")
    message_append(session_id=session.id, task_id=uuid7(), role="user", content="What is\n2 + 2?")
    message_append(session_id=session.id, task_id=uuid7(), role="user", content="And 3 + 3?")
    session.refresh_from_db()
    assert session.title == "What is 2 + 2?"


def test_a_repeated_append_changes_nothing(
    principal: Principal, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    session, task_id = session_open(principal=principal, session_id=None), uuid7()
    for content in ("once\x00", "twice"):
        with django_assert_num_queries(1):
            message_append(session_id=session.id, task_id=task_id, role="user", content=content)
    assert [message.content for message in Message.objects.all()] == ["once\ufffd"]


def test_recent_messages_are_the_last_ones_oldest_first(principal: Principal) -> None:
    session = session_open(principal=principal, session_id=None)
    for number in range(5):
        message_append(session_id=session.id, task_id=uuid7(), role="user", content=str(number))
    recent = messages_recent(principal=principal, session_id=session.id, limit=3)
    assert [message.content for message in recent] == ["2", "3", "4"]


def test_history_ends_before_the_tasks_own_question_whatever_comes_later(principal: Principal, settings: Any) -> None:
    settings.SHANNON_HISTORY_MAX_MESSAGES = 2
    settings.SHANNON_HISTORY_MESSAGE_MAX_CHARACTERS = 5
    session, task_id = session_open(principal=principal, session_id=None), uuid7()
    for role, content in (("user", "first"), ("user", "second"), ("user", "third")):
        message_append(session_id=session.id, task_id=uuid7(), role=role, content=content)
    message_append(session_id=session.id, task_id=task_id, role="user", content="mine")
    message_append(session_id=session.id, task_id=uuid7(), role="assistant", content="later")
    expected = (("user", "secon… [cut: 6 characters in all]"), ("user", "third"))
    assert messages_before(session_id=session.id, task_id=task_id) == expected
    assert messages_before(session_id=session.id, task_id=uuid7()) == ()
