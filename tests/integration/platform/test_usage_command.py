"""`manage.py usage`: what every tenant paid."""

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from policy.models import LedgerEntry
from policy.services import tenant_seed

pytestmark = pytest.mark.django_db


def paid(slug: str, month: int, tokens: int, **more: Any) -> None:
    values = {
        "tenant": tenant_seed(slug=slug, name=slug),
        "user_id": "ada",
        "step_id": uuid4(),
        "position": 0,
        "budget_ids": [],
        "kind": "settled",
        "model": "m",
        "prompt_tokens": tokens,
        "completion_tokens": 0,
        "tokens": tokens,
        "usd": Decimal(tokens) / 1000,
        "created_at": datetime(2026, month, 5, tzinfo=UTC),
    }
    LedgerEntry.objects.create(**{**values, **more})


@pytest.fixture
def _books() -> None:
    paid("acme", 3, 10)
    paid("acme", 3, 20, user_id="bob")
    paid("acme", 4, 5)
    paid("globex", 3, 7, model="=m")


def usage(**options: Any) -> str:
    printed = io.StringIO()
    call_command("usage", since="2026-01-01", until="2026-12-01", stdout=printed, **options)
    return printed.getvalue()


@pytest.mark.usefixtures("_books")
def test_tenants_and_months_are_told_apart_by_default() -> None:
    rows = list(csv.DictReader(io.StringIO(usage())))
    assert [(row["tenant"], row["month"], row["total_tokens"], row["cost_usd"]) for row in rows] == [
        ("acme", "2026-03", "30", "0.030000000"),
        ("acme", "2026-04", "5", "0.005000000"),
        ("globex", "2026-03", "7", "0.007000000"),
    ]


@pytest.mark.usefixtures("_books")
def test_one_tenant_and_other_keys_may_be_asked_for() -> None:
    rows = [json.loads(line) for line in usage(tenant="acme", by="user", format="json").splitlines()]
    assert [(row["user"], row["calls"]) for row in rows] == [("ada", 2), ("bob", 1)]
    assert "tenant" not in rows[0]
    assert "'=m" in usage(by="model"), "what a spreadsheet would take for a formula is quoted"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"tenant": "nobody"}, "There is no tenant nobody"),
        ({"by": "galaxy"}, "unknown: galaxy"),
        ({"by": ""}, "--by: name some of"),
        ({"format": "json", "by": "day", "model": "x" * 200}, "model: "),
    ],
)
def test_what_cannot_be_asked_is_said(options: dict[str, Any], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        usage(**options)
