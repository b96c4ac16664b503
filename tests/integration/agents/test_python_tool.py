"""The python tool on the real sandbox."""

import json

from agents.journal import Journal
from agents.services import tool_call
from policy.types import Principal
from sandbox.services import workspace_open
from tests.integration.agents.steps import step_of

PROGRAM = """
import csv, json
rows = list(csv.DictReader(open("prices.csv")))
mean = sum(float(row["price"]) for row in rows) / len(rows)
json.dump({"mean": mean}, open("result.json", "w"))
print(mean)
"""


def test_a_program_reads_the_sessions_table_and_leaves_a_file(principal: Principal) -> None:
    ctx = step_of(principal)
    workspace = workspace_open(tenant_id=principal.tenant_id, session_id=ctx.session_id)
    workspace.write("prices.csv", b"day,price\n1,2.5\n2,3.5\n")
    result = tool_call(ctx, Journal(ctx), "python", json.dumps({"code": PROGRAM}))
    assert result.ok
    assert isinstance(result.output, dict)
    assert result.output["stdout"] == "3.0\n"
    assert result.output["files_changed"] == ["result.json"]
    assert json.loads(workspace.read("result.json")) == {"mean": 3.0}


def test_an_exception_is_shown_to_the_model(principal: Principal) -> None:
    ctx = step_of(principal)
    result = tool_call(ctx, Journal(ctx), "python", json.dumps({"code": "1 / 0"}))
    assert result.ok
    assert isinstance(result.output, dict)
    assert result.output["exit_code"] == 1
    assert "ZeroDivisionError" in result.output["stderr"]


def test_a_program_may_turn_a_file_into_a_folder(principal: Principal) -> None:
    ctx = step_of(principal)
    workspace = workspace_open(tenant_id=principal.tenant_id, session_id=ctx.session_id)
    workspace.write("data", b"1")
    code = "import os\nos.remove('data')\nos.mkdir('data')\nopen('data/x', 'w').write('2')"
    assert tool_call(ctx, Journal(ctx), "python", json.dumps({"code": code})).ok
    assert [(entry.path, workspace.read(entry.path)) for entry in workspace.files()] == [("data/x", b"2")]
