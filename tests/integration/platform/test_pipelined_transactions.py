"""Transactions whose statements do not wait for each other, and connections that are not asked whether they live."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
import pytest
from django.db import DataError, IntegrityError, OperationalError, connection, transaction

from policy.models import Tenant
from shannon_project.foundation.database import connection_release, pipelined_transaction, prepared_cursor, rows_unread

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def numbers() -> Iterator[None]:
    """A table of numbers, each of which is there once."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE number (value int PRIMARY KEY)")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE number")


def add(value: int) -> None:
    with prepared_cursor() as cursor:
        cursor.execute("INSERT INTO number VALUES (%s)", [value])


def add_all(values: Sequence[int], *, then: Callable[[], object] = lambda: None, breaks: bool = False) -> None:
    with pipelined_transaction():
        transaction.on_commit(then)
        for value in values:
            add(value)
        if breaks:
            raise KeyError


def add_and_read(value: int, query: str) -> None:
    with pipelined_transaction(), prepared_cursor() as cursor:
        add(value)
        cursor.execute(query)
        cursor.fetchone()


def all_numbers() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM number ORDER BY value")
        return [row[0] for row in cursor.fetchall()]


def test_a_statement_does_not_wait_for_an_answer_that_nobody_reads(numbers: None) -> None:
    with pipelined_transaction(), prepared_cursor() as slow, prepared_cursor() as reading:
        slow.execute("INSERT INTO number SELECT 7 FROM pg_sleep(0.2)")
        assert slow.cursor.pgresult is None, "it is still at work"
        reading.execute("SELECT value FROM number")
        assert reading.fetchall() == [(7,)]
        assert (slow.rowcount, reading.description[0].name) == (1, "value")
    assert all_numbers() == [7]


def test_a_cursor_that_is_used_again_never_reads_the_answer_of_before(numbers: None) -> None:
    for _ in range(50):
        with pipelined_transaction(), prepared_cursor() as cursor:
            cursor.execute("SELECT 1, 2, 3")
            cursor.execute("SELECT 4")
            assert cursor.fetchall() == [(4,)]


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("SELECT %(a)s::text || %(b)s || %(a)s, 7 %% 4", {"b": "-", "a": "x"}),
        ("SELECT %s::text || %s || %s, 7 %% 4", ["x", "-", "x"]),
        ("SELECT 'x-x', 7 % 4", None),
    ],
)
def test_values_are_named_or_counted_and_a_name_may_be_used_again(statement: str, values: Any) -> None:
    for _ in range(2):
        with prepared_cursor() as cursor:
            cursor.execute(statement, values)
            assert cursor.fetchall() == [("x-x", 3)]


def test_what_a_statement_did_is_waited_for_when_it_is_asked(numbers: None) -> None:
    with pipelined_transaction(), prepared_cursor() as cursor:
        cursor.execute("INSERT INTO number SELECT * FROM generate_series(1, 3)")
        assert cursor.rowcount == 3


def test_the_orm_always_waits() -> None:
    with pipelined_transaction():
        Tenant.objects.create(slug="acme", name="Acme")
        assert Tenant.objects.filter(slug="acme").update(name="ACME") == 1
        assert Tenant.objects.filter(slug="other").update(name="ACME") == 0
        assert Tenant.objects.get(slug="acme").name == "ACME"


def test_an_error_that_nobody_read_is_raised_by_the_commit_which_does_not_happen(numbers: None) -> None:
    add(1)
    told: list[str] = []
    with pytest.raises(IntegrityError):
        add_all([2, 1, 3], then=lambda: told.append("committed"))
    assert (all_numbers(), told) == ([1], [])


def test_hooks_run_after_the_commit(numbers: None) -> None:
    seen: list[list[int]] = []
    with pipelined_transaction():
        transaction.on_commit(lambda: seen.append(all_numbers()))
        add(1)
    assert seen == [[1]]


def test_an_error_within_a_savepoint_is_raised_at_its_end_and_leaves_the_rest(numbers: None) -> None:
    add(1)
    with pipelined_transaction():
        add(2)
        with pytest.raises(IntegrityError), transaction.atomic():
            add(1)
        add(3)
        tenant, is_new = Tenant.objects.get_or_create(slug="acme", defaults={"name": "Acme"})
        assert is_new
        assert Tenant.objects.get_or_create(slug="acme")[0] == tenant
    assert all_numbers() == [1, 2, 3]


def test_what_raises_within_undoes_all_of_it(numbers: None) -> None:
    with pytest.raises(KeyError):
        add_all([1], breaks=True)
    with pytest.raises(DataError):
        add_and_read(2, "SELECT 1 / value FROM (VALUES (0)) AS v(value)")
    assert all_numbers() == []


def test_inside_another_transaction_it_is_a_savepoint(numbers: None) -> None:
    with transaction.atomic():
        add(1)
        with pytest.raises(KeyError):
            add_all([2], breaks=True)
        add_all([3])
    assert all_numbers() == [1, 3]


def test_a_connection_that_the_server_closed_while_nobody_used_it_is_replaced() -> None:
    ended = _backend()
    connection_release()
    _end(ended)
    assert _backend() != ended


def test_a_connection_that_is_lost_in_a_pipeline_is_told_and_replaced(numbers: None) -> None:
    with pytest.raises(OperationalError):
        add_and_read(1, "SELECT pg_terminate_backend(pg_backend_pid())")
    add_all([2])
    assert all_numbers() == [2]


def test_a_process_that_stands_still_between_statements_is_idle_for_the_server(numbers: None) -> None:
    with pipelined_transaction():
        backend = _backend()
        add(1)
        until_idle_in_transaction(backend)
        with rows_unread():
            Tenant.objects.create(slug="acme", name="Acme")
        until_idle_in_transaction(backend)
    assert all_numbers() == [1]


def until_idle_in_transaction(backend: int) -> None:
    """Wait until the server says so, by which its limit on idle transactions holds."""
    with psycopg.connect(**{**connection.get_connection_params(), "autocommit": True}) as other:
        for _ in range(500):
            state = other.execute("SELECT state FROM pg_stat_activity WHERE pid = %s", [backend]).fetchone()
            if state == ("idle in transaction",):
                return
            threading.Event().wait(0.02)
    raise AssertionError(f"the server takes the session for {state}")


def _backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def _end(backend: int) -> None:
    """End a session as the server's operator would, and wait until it has ended."""
    parameters = connection.get_connection_params()
    with psycopg.connect(**{**parameters, "autocommit": True}) as other:
        assert other.execute("SELECT pg_terminate_backend(%s, 5000)", [backend]).fetchone() == (True,)
