"""Programs that call tools, in both lanes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from agents.journal import Journal
from agents.models import JournalEntry
from agents.services import tool_call
from agents.types import ToolResult
from policy.services import policies_forget, policy_save
from policy.types import Principal
from sandbox import services as sandbox

OFFERED = ("code", "calculator", "file_write", "file_read", "python")
LANES = ["sandbox.runtimes.monty.MontyRuntime", ""]


@pytest.fixture(params=LANES, ids=["monty", "cpython"])
def lane(request: pytest.FixtureRequest, settings: Settings) -> str:
    """Where programs run: the same must come of them."""
    settings.SHANNON_SANDBOX_PROGRAM_RUNTIME = request.param
    return str(request.param)


@pytest.fixture(autouse=True, scope="module")
def _warm_sandbox() -> Iterator[None]:
    """Compile before a transaction is open."""
    sandbox.warm(wait_for_fast_lane=True)
    yield
    sandbox.shutdown()


def run(ctx: Any, code: str, **more: Any) -> ToolResult:
    return tool_call(ctx, Journal(ctx), "code", json.dumps({"code": code}), offered=more.get("offered", OFFERED))


def policy(principal: Principal, verdict: str, condition: str) -> None:
    """Make a policy of the tenant about tool calls."""
    rego = 'package tenant.programs\nimport rego.v1\nactions := {"tool.call"}\n'
    rego += f'{verdict} contains "A rule." if {{ {condition} }}\n'
    policy_save(name="programs", rego=rego, tenant_id=principal.tenant_id)
    policies_forget()


def entries(ctx: Any) -> list[tuple[str, str]]:
    rows = JournalEntry.objects.filter(step_id=ctx.step_id).order_by("position")
    return [(row.kind, row.key) for row in rows]
