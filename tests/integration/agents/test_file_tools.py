"""Searching, editing, comparing and deleting the session's files, and asking its tables, as an agent does."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agents.context import StepContext
from agents.journal import Journal
from agents.services import tool_call
from agents.tools.base import ToolContext
from agents.tools.builtin.file_edit import FileEditTool
from agents.tools.registry import tool_for
from agents.tools.tables import table_names
from agents.types import ToolResult
from policy.types import Principal
from sandbox.services import Workspace, shutdown, workspace_open
from shannon_project.foundation.ids import uuid7
from tests.integration.agents.steps import engine_of, step_of


@pytest.fixture
def ctx(principal: Principal) -> StepContext:
    return step_of(principal)


@pytest.fixture
def files(ctx: StepContext) -> Workspace:
    workspace = workspace_open(tenant_id=ctx.principal.tenant_id, session_id=ctx.session_id)
    workspace.write("notes/a.txt", b"alpha\nBeta\ngamma\n")
    workspace.write("b.py", b"beta = 1\n")
    workspace.write("raw.bin", b"\xff\xfe\x00beta")
    return workspace


def call(ctx: StepContext, name: str, **arguments: Any) -> ToolResult:
    """Call a tool in a step of its own."""
    fresh = replace(ctx, step_id=uuid7())
    return tool_call(fresh, Journal(fresh), name, json.dumps(arguments))


def output(result: ToolResult) -> Any:
    assert result.error is None, result.error
    return result.output


def code(result: ToolResult) -> str:
    assert result.error is not None
    return result.error.code


@pytest.mark.usefixtures("files")
def test_a_text_is_found_in_the_files_that_are_texts(ctx: StepContext) -> None:
    found = output(call(ctx, "file_search", text="beta"))
    assert found["matches"] == [
        {"path": "b.py", "line": 1, "text": "beta = 1"},
        {"path": "notes/a.txt", "line": 2, "text": "Beta"},
    ]
    assert (found["files_searched"], found["more"]) == (2, False)
    only = output(call(ctx, "file_search", text="Beta", match_case=True, pattern="*.txt"))["matches"]
    assert [match["path"] for match in only] == ["notes/a.txt"]
    assert output(call(ctx, "file_search", text="a", limit=1))["more"]


def test_a_piece_is_replaced_and_the_change_is_shown(ctx: StepContext, files: Workspace) -> None:
    diff = output(call(ctx, "file_edit", path="notes/a.txt", old="Beta", new="delta"))["diff"]
    assert "-Beta\n+delta\n" in diff
    assert files.read("notes/a.txt") == b"alpha\ndelta\ngamma\n"
    assert engine_of(ctx).kinds()[-1] == "WORKSPACE_UPDATED"
    assert code(call(ctx, "file_edit", path="notes/a.txt", old="Beta", new="x")) == "WORKSPACE_EDIT_INVALID"
    assert code(call(ctx, "file_edit", path="notes/a.txt", old="a", new="x")) == "WORKSPACE_EDIT_INVALID"
    output(call(ctx, "file_edit", path="notes/a.txt", old="a", new="x", replace_all=True))
    assert files.read("notes/a.txt") == b"xlphx\ndeltx\ngxmmx\n"


@pytest.mark.parametrize(("old", "new"), [("Beta", "Beta\nBeta two"), ("Beta\n", "")])
def test_an_edit_that_happened_before_a_crash_is_not_made_twice(
    ctx: StepContext, files: Workspace, old: str, new: str
) -> None:
    given = ToolContext(ctx.principal.tenant_id, ctx.session_id, ctx.task_id, timeout_seconds=60.0)
    arguments = {"path": "notes/a.txt", "old": old, "new": new}
    FileEditTool().execute(given, arguments)
    after = files.read("notes/a.txt")
    again = FileEditTool().execute(replace(given, is_repeated=True), arguments)
    assert (again.output, files.read("notes/a.txt")) == ({"path": "notes/a.txt", "diff": ""}, after)
    files.write("notes/a.txt", b"alpha\nBeta\ngamma\n")
    FileEditTool().execute(replace(given, is_repeated=True), arguments)  # it had not happened
    assert files.read("notes/a.txt") == after


def test_an_edit_whose_new_text_stood_there_before_is_made_after_a_crash(ctx: StepContext, files: Workspace) -> None:
    given = ToolContext(ctx.principal.tenant_id, ctx.session_id, ctx.task_id, timeout_seconds=60.0, is_repeated=True)
    FileEditTool().execute(given, {"path": "notes/a.txt", "old": "Beta", "new": "alpha"})
    assert files.read("notes/a.txt") == b"alpha\nalpha\ngamma\n"


@pytest.mark.usefixtures("files")
def test_files_are_compared(ctx: StepContext) -> None:
    assert output(call(ctx, "file_diff", path="b.py", other="b.py")) == {"equal": True, "diff": ""}
    assert "-beta = 1" in output(call(ctx, "file_diff", path="b.py", other="notes/a.txt"))["diff"]
    assert code(call(ctx, "file_diff", path="b.py", other="raw.bin")) == "WORKSPACE_EDIT_INVALID"


def test_files_that_would_take_long_to_compare_are_refused(ctx: StepContext, files: Workspace) -> None:
    files.write("large.txt", b"x" * (512 * 1024 + 1))
    assert code(call(ctx, "file_diff", path="b.py", other="large.txt")) == "TOOL_INPUT_INVALID"


def test_a_file_is_deleted_once(ctx: StepContext, files: Workspace) -> None:
    assert output(call(ctx, "file_delete", path="b.py")) == {"path": "b.py", "deleted": True}
    assert output(call(ctx, "file_delete", path="b.py")) == {"path": "b.py", "deleted": False}
    assert [entry.path for entry in files.files()] == ["notes/a.txt", "raw.bin"]


@pytest.mark.parametrize("name", ["file_edit", "file_delete", "file_diff"])
@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "a\x00b"])
def test_a_path_that_leaves_the_workspace_is_refused(ctx: StepContext, name: str, path: str) -> None:
    more = {"file_edit": {"old": "a", "new": "b"}, "file_diff": {"other": path}}.get(name, {})
    assert code(call(ctx, name, path=path, **more)) == "WORKSPACE_PATH_INVALID"


def test_files_of_another_session_and_tenant_are_not_there(
    files: Workspace, principal: Principal, stranger: Principal
) -> None:
    for other in (step_of(principal), step_of(stranger)):
        assert output(call(other, "file_search", text="beta"))["matches"] == []
        assert code(call(other, "file_edit", path="b.py", old="beta", new="x")) == "WORKSPACE_FILE_MISSING"
        assert not output(call(other, "file_delete", path="b.py"))["deleted"]
    assert files.read("b.py") == b"beta = 1\n"


@pytest.fixture
def tables(ctx: StepContext, files: Workspace) -> Iterator[StepContext]:
    """A session with tables; the sandbox hosts that were started end with the test."""
    files.write("data/sales-2024.csv", b"region,amount\nnorth,10\nsouth,2.5\nnorth,\n")
    files.write("people.json", b'[{"name": "Ada", "region": "north"}]')
    yield ctx
    shutdown()


def test_tables_are_asked_described_and_joined_and_what_is_wrong_is_told(tables: StepContext) -> None:
    sql = "SELECT p.name, sum(s.amount) AS total FROM sales_2024 s JOIN people p USING (region) GROUP BY p.name"
    found = output(call(tables, "table_query", sql=sql, paths=["data/sales-2024.csv", "people.json"]))
    assert (found["rows"], found["more"], sorted(found["tables"])) == ([["Ada", 10.0]], False, ["people", "sales_2024"])
    described = output(call(tables, "table_statistics", path="data/sales-2024.csv"))
    for name, given in (("table_query", found), ("table_statistics", described)):
        Draft202012Validator(dict(tool_for(name, tenant_id=uuid7()).returns)).validate(given)
    amount = described["columns"][1]
    assert (described["rows"], amount["name"], amount["type"]) == (3, "amount", "DOUBLE")
    assert (amount["min"], amount["max"], float(amount["mean"])) == ("2.5", "10.0", 6.25)
    assert float(amount["null_percent"]) == pytest.approx(33.33)
    wrong = call(tables, "table_query", sql="SELECT nothing FROM sales_2024", paths=["data/sales-2024.csv"])
    assert wrong.error is not None
    assert (wrong.error.code, wrong.error.final) == ("QUERY_INVALID", False)
    assert "nothing" in wrong.error.message
    assert code(call(tables, "table_query", sql="SELECT 1", paths=["none.csv"])) == "WORKSPACE_FILE_MISSING"
    assert code(call(tables, "table_query", sql="SELECT 1", paths=["notes/a.txt"])) == "SANDBOX_REQUEST_INVALID"
    outside = call(tables, "table_query", sql="SELECT * FROM read_text('/etc/passwd')", paths=["people.json"])
    assert code(outside) == "QUERY_INVALID"


def test_tables_are_named_so_that_a_query_can_write_them() -> None:
    assert table_names(["data/Sales 2024.csv", "a/x.csv", "b/x.json", "2024.csv", "ä.csv", "x_2.csv"]) == {
        "sales_2024": "data/Sales 2024.csv",
        "x": "a/x.csv",
        "x_2": "b/x.json",
        "t_2024": "2024.csv",
        "table": "ä.csv",
        "x_2_2": "x_2.csv",
    }
