"""GET /api/v1/usage: sums of the ledger, as JSON and as a table."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import AsyncClient

from orchestration.api import tables
from policy.models import LedgerEntry
from tests.integration.api.callers import Caller, error_of

pytestmark = pytest.mark.django_db
URL = "/api/v1/usage"
TASK = uuid4()


def entry(caller: Caller, day: int, model: str = "m", user: str = "ada", task: UUID | None = TASK, **more: Any) -> None:
    LedgerEntry.objects.create(
        **{
            "tenant": caller.tenant,
            "user_id": user,
            "task_id": task,
            "step_id": uuid4(),
            "position": 0,
            "budget_ids": [],
            "kind": "settled",
            "model": model,
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "tokens": 15,
            "usd": Decimal("0.25"),
            "created_at": datetime(2026, 3, day, 12, tzinfo=UTC),
            **more,
        }
    )


@pytest.fixture
def books(caller: Caller, stranger: Caller) -> Caller:
    entry(caller, 1)
    entry(caller, 1, model="n", is_price_known=False, usd=Decimal(0))
    entry(caller, 2, user="bob", task=None)
    entry(caller, 2, kind="corrected", tokens=-5, usd=Decimal("-0.05"), prompt_tokens=0, completion_tokens=0)
    entry(caller, 2, kind="opening", tokens=1_000)
    entry(stranger, 1, tokens=10**6)
    return caller


def usage(caller: Caller, query: str) -> Any:
    answer = caller.client.get(f"{URL}?since=2026-03-01&until=2026-04-01&{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_days_are_told_apart_by_default_and_other_tenants_are_not_in_it(books: Caller) -> None:
    body = usage(books, "")
    assert [(row["day"], row["calls"], row["total_tokens"]) for row in body["rows"]] == [
        ("2026-03-01", 2, 30),
        ("2026-03-02", 1, 10),
    ]
    assert body["total"]["cost_usd"] == "0.450000000"
    assert (body["total"]["calls"], body["total"]["unpriced_calls"]) == (3, 1)
    assert body["tenant_id"] == str(books.tenant.id)


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        ("model", [{"model": "m"}, {"model": "n"}]),
        ("user,month", [{"user": "ada", "month": "2026-03"}, {"user": "bob", "month": "2026-03"}]),
        ("task", [{"task_id": str(TASK)}, {"task_id": None}]),
        ("tenant", [{"tenant": "ours"}]),
        ("", [{}]),
    ],
)
def test_what_is_asked_is_told_apart(books: Caller, by: str, rows: list[dict[str, Any]]) -> None:
    found = usage(books, f"by={by}")["rows"]
    assert [
        {key: row[key] for key in row if key in ("day", "month", "model", "user", "task_id", "tenant")} for row in found
    ] == rows


def test_rows_are_chosen_and_paged(books: Caller) -> None:
    assert usage(books, "user=bob")["total"]["calls"] == 1
    assert usage(books, f"task_id={TASK}&model=n")["total"]["calls"] == 1
    assert [row["day"] for row in usage(books, "limit=1&offset=1")["rows"]] == ["2026-03-02"]
    assert usage(books, "model=nobody")["total"] is None


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("by=galaxy", "unknown: galaxy"),
        ("since=yesterday", "since: must be a day"),
        ("since=2026-02-31", "since: must be a day"),
        ("since=2026-02-02&until=2026-02-01", "must be before until"),
        ("format=xls", "format"),
        ("colour=1", "Unknown field: colour"),
    ],
)
def test_what_cannot_be_asked_is_refused(caller: Caller, query: str, says: str) -> None:
    assert says in error_of(caller.client.get(f"{URL}?{query}"), 400)["message"]


@pytest.mark.django_db(transaction=True)
async def test_the_table_is_streamed_whole(books: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "ROWS_EACH", 1)
    answer: Any = await AsyncClient().get(
        URL,
        {"since": "2026-03-01", "until": "2026-04-01", "by": "day,model", "format": "csv"},
        headers={"X-API-Key": books.key},
    )
    assert answer["Content-Type"].startswith("text/csv")
    pieces = [piece async for piece in answer.streaming_content]
    assert len(pieces) == 4  # heading and three rows
    rows = list(csv.DictReader(io.StringIO(b"".join(pieces).decode())))
    assert [(row["day"], row["model"], row["total_tokens"]) for row in rows] == [
        ("2026-03-01", "m", "15"),
        ("2026-03-01", "n", "15"),
        ("2026-03-02", "m", "10"),
    ]


@pytest.mark.django_db(transaction=True)
async def test_who_leaves_in_the_middle_of_a_table_leaves_nothing_behind() -> None:
    read = []

    def rows() -> Iterator[list[int]]:
        for number in range(100_000):
            read.append(number)
            yield [number]

    pieces = tables.csv_pieces(["n"], rows)
    assert await anext(pieces) == b"n\r\n"
    await pieces.aclose()
    assert len(read) < 100_000


def test_a_cell_is_no_formula() -> None:
    assert list(tables.cells([{"a": "=1+1", "b": -5}], ["a", "b"])) == [["'=1+1", -5]]
