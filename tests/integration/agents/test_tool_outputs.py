"""What tools give back has the form that they say it has."""

import json
from typing import Any
from uuid import uuid4

import pytest
from jsonschema import Draft202012Validator

from agents.blobs import blob_put
from agents.journal import Journal
from agents.services import memory_remember, tool_call
from agents.tools.base import ToolContext
from agents.tools.registry import tool_for
from agents.types import ApprovalAnswer
from policy.types import Principal
from sandbox.runtimes.fake import FakeRuntime
from sandbox.services import workspace_open
from tests.integration.agents.steps import step_of

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("calculator", {"expression": "6 * 7"}),
    ("calculator", {"expression": "1 / 3"}),
    ("current_time", {}),
    ("current_time", {"time_zone": "Asia/Tokyo"}),
    ("file_delete", {"path": "a.txt"}),
    ("file_delete", {"path": "none.txt"}),
    ("file_diff", {"path": "a.txt", "other": "b.txt"}),
    ("file_edit", {"path": "a.txt", "old": "alpha", "new": "omega"}),
    ("file_list", {}),
    ("file_read", {"path": "a.txt"}),
    ("file_read", {"path": "a.txt", "limit": 1}),
    ("file_search", {"text": "alpha"}),
    ("file_write", {"path": "c.txt", "content": "new"}),
    ("json_query", {"expression": "a", "text": "{}"}),
    ("memory_save", {"about": "apples", "content": "They rose."}),
    ("memory_search", {"query": "apple"}),
    ("python", {"code": "print(1)"}),
    ("skill_read", {"name": "data-analysis"}),
    ("skill_run", {"skill": "data-analysis", "script": "profile.py"}),
]


@pytest.mark.parametrize(("name", "arguments"), CALLS)
def test_an_output_has_the_form_that_its_tool_says(
    principal: Principal, settings: Any, name: str, arguments: dict[str, Any]
) -> None:
    settings.SHANNON_SANDBOX_RUNTIME = "sandbox.runtimes.fake.FakeRuntime"
    FakeRuntime.forget()
    ctx = step_of(principal)
    workspace = workspace_open(tenant_id=principal.tenant_id, session_id=ctx.session_id)
    workspace.write("a.txt", b"alpha\nbeta\n")
    workspace.write("b.txt", b"alpha\n")
    memory_remember(tenant_id=principal.tenant_id, session_id=None, task_id=uuid4(), query="Apple?", answer="It rose.")
    result = tool_call(ctx, Journal(ctx), name, json.dumps(arguments))
    assert result.error is None
    Draft202012Validator(dict(tool_for(name, tenant_id=principal.tenant_id).returns)).validate(result.output)


def test_so_have_a_persons_answer_and_a_piece_of_a_long_output(principal: Principal) -> None:
    ctx = step_of(principal)
    answer = ApprovalAnswer(uuid4(), approved=True, decided_by="user:boss", feedback="Japan")
    given = ToolContext(principal.tenant_id, ctx.session_id, ctx.task_id, timeout_seconds=60.0, answer=answer)
    reference = blob_put(tenant_id=principal.tenant_id, data="x" * 50).digest
    for name, arguments in (("ask_human", {"question": "?"}), ("output_read", {"reference": reference, "limit": 10})):
        tool = tool_for(name, tenant_id=principal.tenant_id)
        Draft202012Validator(dict(tool.returns)).validate(tool.execute(given, arguments).output)
