"""The tools for files and memory, and what a plan is told of the files."""

import tracemalloc
from typing import Any

import pytest

from agents.journal import Journal
from agents.services import memory_remember, workspace_overview
from policy.types import Principal
from sandbox.services import workspace_open
from tests.integration.agents.steps import engine_of, step_of
from tests.integration.agents.tool_calls.calls import call, code_of, output_of


@pytest.mark.parametrize("character", ["a", "ü", "字", "😀", "\x01"])
def test_the_longest_part_of_a_file_is_read_whole_whatever_its_characters(principal: Principal, character: str) -> None:
    ctx = step_of(principal)
    text = character * 10_000
    workspace_open(tenant_id=principal.tenant_id, session_id=ctx.session_id).write("a.txt", text.encode())
    assert output_of(call(ctx, "file_read", path="a.txt", limit=10_000))["text"] == text


def test_files_are_written_listed_and_read_in_parts(principal: Principal) -> None:
    ctx = step_of(principal)
    journal = Journal(ctx)
    assert output_of(call(ctx, "file_write", journal, path="notes/a.txt", content="grüße" * 3))["size_bytes"] == 21
    assert engine_of(ctx).kinds()[-1] == "WORKSPACE_UPDATED"
    listed = output_of(call(ctx, "file_list", journal, path="notes"))
    assert listed == {"entries": [{"path": "notes/a.txt", "is_dir": False, "size_bytes": 21}], "total": 1}
    first = output_of(call(ctx, "file_read", journal, path="notes/a.txt", limit=5))
    assert (first["text"], first["next_offset"], first["total_characters"]) == ("grüße", 5, 15)
    last = output_of(call(ctx, "file_read", journal, path="notes/a.txt", offset=10))
    assert (last["text"], last["next_offset"]) == ("grüße", None)


def test_files_of_another_session_are_out_of_reach(principal: Principal, stranger: Principal) -> None:
    ctx = step_of(principal)
    call(ctx, "file_write", path="a.txt", content="secret")
    assert output_of(call(step_of(principal), "file_list"))["total"] == 0
    assert code_of(call(step_of(stranger), "file_read", path="a.txt")) == ("WORKSPACE_FILE_MISSING", False)


def test_memory_is_searched_within_the_tenant(principal: Principal, stranger: Principal) -> None:
    ctx = step_of(principal)
    memory_remember(
        tenant_id=principal.tenant_id, session_id=None, task_id=ctx.task_id, query="Apple?", answer="It rose."
    )
    memories = output_of(call(ctx, "memory_search", query="apple"))["memories"]
    assert [memory["task_id"] for memory in memories] == [str(ctx.task_id)]
    assert output_of(call(step_of(stranger), "memory_search", query="apple")) == {"memories": []}


def test_an_overview_tells_of_tables_what_a_plan_needs(principal: Principal) -> None:
    ctx = step_of(principal)
    workspace = workspace_open(tenant_id=principal.tenant_id, session_id=ctx.session_id)
    assert workspace_overview(tenant_id=principal.tenant_id, session_id=ctx.session_id) == ""
    rows = "".join(f"{symbol},2000-0{month}-01,{month}.5\n" for symbol in ("MSFT", "AAPL") for month in range(1, 4))
    workspace.write("stocks.csv", b"\xef\xbb\xbfsymbol,date,price\n" + rows.encode())
    workspace.write("deep/readme.txt", b"hello")
    assert workspace_overview(tenant_id=principal.tenant_id, session_id=ctx.session_id).splitlines() == [
        "- deep/readme.txt (5 bytes)",
        "- stocks.csv (141 bytes)",
        "  6 rows; columns: symbol, date, price",
        "  values of symbol: AAPL, MSFT",
        "  values of date: 2000-01-01, 2000-02-01, 2000-03-01",
    ]


def test_an_overview_lists_no_column_with_many_values_and_stays_bounded(principal: Principal, settings: Any) -> None:
    ctx = step_of(principal)
    workspace = workspace_open(tenant_id=principal.tenant_id, session_id=ctx.session_id)
    workspace.write("many.csv", b"name\n" + b"".join(b"n%d\n" % number for number in range(21)))
    workspace.write("odd.csv", b"\xff\xfe\x00binary")
    text = workspace_overview(tenant_id=principal.tenant_id, session_id=ctx.session_id)
    assert "values of name" not in text
    settings.SHANNON_WORKSPACE_OVERVIEW_MAX_CHARACTERS = 20
    cut = workspace_overview(tenant_id=principal.tenant_id, session_id=ctx.session_id)
    assert cut.startswith("- many.csv")
    assert "[cut:" in cut


def test_a_header_with_thousands_of_cells_costs_little(principal: Principal) -> None:
    ctx = step_of(principal)
    workspace = workspace_open(tenant_id=principal.tenant_id, session_id=ctx.session_id)
    workspace.write("a-wide.csv", b"c," * 30_000 + b"c\n" + b"v," * 30_000 + b"v\n")
    workspace.write("b-hostile.csv", b"," * 4_000_000)
    tracemalloc.start()
    try:
        text = workspace_overview(tenant_id=principal.tenant_id, session_id=ctx.session_id)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    lines = text.splitlines()
    assert lines[1].startswith("  1 rows; columns: c, c, c")
    assert lines[1].endswith("c, and 29,961 more")
    assert lines[-1] == "- b-hostile.csv (4,000,000 bytes)"
    assert peak_bytes < 40_000_000  # as a column each, these cells cost 2 GB


def test_tables_beyond_what_is_read_together_are_only_named(principal: Principal) -> None:
    ctx = step_of(principal)
    workspace = workspace_open(tenant_id=principal.tenant_id, session_id=ctx.session_id)
    for name in ("a", "b", "c"):
        workspace.write(f"{name}.csv", b"name\n" + (b"x" * 99 + b"\n") * 38_000)
    lines = workspace_overview(tenant_id=principal.tenant_id, session_id=ctx.session_id).splitlines()
    assert [line for line in lines if "rows" in line] == ["  38000 rows; columns: name"] * 2
    assert lines[-1].startswith("- c.csv")
