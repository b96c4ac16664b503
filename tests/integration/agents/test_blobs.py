"""Large values by reference, on Postgres."""

import json
from datetime import date
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django import DjangoAssertNumQueries

from agents.errors import BlobNotFound, BlobTooLarge
from agents.journal import Effect, EffectDraft, Journal
from agents.models import Blob, JournalEntry
from agents.services import blob_get, blob_heads, blob_put, blob_text, blobs_keep, digests_in
from agents.tools.base import ToolOutput
from agents.tools.builtin.calculator import CalculatorTool
from policy.types import Principal
from shannon_project.foundation.partitions import (
    MonthKey,
    MonthTable,
    month_after,
    month_make,
    month_partitions,
    months_drop,
)
from tests.integration.agents.steps import next_attempt, step_of
from tests.integration.agents.tool_calls.calls import call, output_of

LONG = "0123456789" * 30_000
TABLE = MonthTable("agents_blob", "month", MonthKey.DATE)


def test_the_same_bytes_are_stored_once_in_a_tenant(principal: Principal, stranger: Principal) -> None:
    first = blob_put(tenant_id=principal.tenant_id, data=LONG)
    assert blob_put(tenant_id=principal.tenant_id, data=LONG) == first
    assert blob_put(tenant_id=stranger.tenant_id, data=LONG).digest == first.digest
    assert Blob.objects.count() == 2
    assert (first.size_bytes, first.characters, first.media_type) == (300_000, 300_000, "text/plain")
    assert blob_get(tenant_id=principal.tenant_id, digest=first.digest).text == LONG


def test_another_tenants_blob_does_not_exist(principal: Principal, stranger: Principal) -> None:
    ref = blob_put(tenant_id=principal.tenant_id, data=b"\x00\xff", media_type="image/png")
    assert blob_get(tenant_id=principal.tenant_id, digest=ref.digest).data == b"\x00\xff"
    with pytest.raises(BlobNotFound):
        blob_get(tenant_id=stranger.tenant_id, digest=ref.digest)
    with pytest.raises(BlobNotFound):
        blob_text(tenant_id=stranger.tenant_id, digest=ref.digest, offset=0, limit=1)
    assert blob_heads(tenant_id=stranger.tenant_id, digests=[ref.digest], characters=1) == {}


def test_a_blob_has_a_largest_size(principal: Principal, settings: Any) -> None:
    settings.SHANNON_BLOB_MAX_BYTES = 10
    with pytest.raises(BlobTooLarge):
        blob_put(tenant_id=principal.tenant_id, data="x" * 11)


def test_a_page_of_a_text_is_counted_in_characters(principal: Principal) -> None:
    ref = blob_put(tenant_id=principal.tenant_id, data="grüße \U0001f600 an alle")
    assert blob_text(tenant_id=principal.tenant_id, digest=ref.digest, offset=2, limit=6) == ("üße \U0001f600 ", 15)
    assert blob_heads(tenant_id=principal.tenant_id, digests=[ref.digest], characters=7) == {
        ref.digest: "grüße \U0001f600"
    }


def test_blobs_lie_in_the_partition_of_their_month_and_are_dropped_with_it(principal: Principal) -> None:
    ref = blob_put(tenant_id=principal.tenant_id, data=LONG)
    month = Blob.objects.get().month
    assert month in month_partitions(TABLE)
    old = month_after(month, -3)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE {TABLE.partition(old)} PARTITION OF agents_blob"
            f" FOR VALUES FROM ('{old}') TO ('{month_after(old)}')"
        )
        cursor.execute("UPDATE agents_blob SET month = %s", [old])
    blobs_keep(tenant_id=principal.tenant_id, digests=[ref.digest])
    assert sorted(Blob.objects.values_list("month", flat=True)) == [old, month]
    assert months_drop(TABLE, before=month) == [TABLE.partition(old)]
    assert list(Blob.objects.values_list("month", flat=True)) == [month]
    assert blob_get(tenant_id=principal.tenant_id, digest=ref.digest).text == LONG


def test_what_lies_in_the_default_partition_moves_into_its_month(principal: Principal) -> None:
    ref = blob_put(tenant_id=principal.tenant_id, data=LONG)
    late = date(2031, 5, 1)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE agents_blob SET month = %s", [late])
        assert month_make(TABLE, late)
        cursor.execute("SELECT tableoid::regclass::text FROM agents_blob")
        assert cursor.fetchall() == [("agents_blob_y2031m05",)]
    assert not month_make(TABLE, late)
    assert blob_get(tenant_id=principal.tenant_id, digest=ref.digest).text == LONG


def test_a_large_request_and_response_are_references_in_the_journal(principal: Principal) -> None:
    ctx = step_of(principal)

    def perform(_: Effect) -> dict[str, Any]:
        return {"text": LONG[::-1], "n": 1}

    def ask(journal: Journal) -> dict[str, Any]:
        return journal.effect(
            EffectDraft(kind="tool", key="t", request={"messages": [LONG]}, perform=perform, idempotent=True)
        )

    answer = ask(Journal(ctx))
    assert answer == {"text": LONG[::-1], "n": 1}
    entry = JournalEntry.objects.get()
    assert len(json.dumps(entry.request)) + len(json.dumps(entry.response)) < 1000
    assert len(digests_in([entry.request, entry.response])) == 2
    assert ask(Journal(next_attempt(ctx))) == answer


def test_a_small_effect_asks_the_database_nothing_more(
    principal: Principal, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    journal = Journal(step_of(principal))
    with django_assert_num_queries(7):  # the journal's load, and twice a savepoint, a write and its release
        journal.effect(EffectDraft(kind="t", key="t", request={"a": 1}, perform=lambda _: {"b": 2}, idempotent=True))


def test_a_long_output_is_shown_by_its_beginning_and_end_and_can_be_read_on(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = step_of(principal)
    text = "".join(f"line {n}\n" for n in range(40_000))
    monkeypatch.setattr(CalculatorTool, "execute", lambda *_: ToolOutput({"text": text, "code": 0}))
    result = call(ctx, "calculator", expression="1")
    shown = output_of(result)
    assert shown["code"] == 0
    assert shown["text"].startswith("line 0\n")
    assert shown["text"].endswith("line 39999\n")
    assert result.references[0] in shown["text"]
    read = ""
    offset: int | None = 0
    while offset is not None:
        page = output_of(call(step_of(principal), "output_read", reference=result.references[0], offset=offset))
        read, offset = read + page["text"], page["next_offset"]
    assert read == text


def test_an_output_of_many_small_parts_is_read_on_as_json(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [[n, "cell"] for n in range(20_000)]
    monkeypatch.setattr(CalculatorTool, "execute", lambda *_: ToolOutput(rows))
    result = call(step_of(principal), "calculator", expression="1")
    assert output_of(result)["truncated"] is True
    whole = blob_get(tenant_id=principal.tenant_id, digest=result.references[0])
    assert json.loads(whole.text) == rows


def test_another_tenants_output_is_not_read(principal: Principal, stranger: Principal) -> None:
    ref = blob_put(tenant_id=principal.tenant_id, data=LONG)
    result = call(step_of(stranger), "output_read", reference=ref.digest)
    assert result.error is not None
    assert result.error.code == "BLOB_NOT_FOUND"
