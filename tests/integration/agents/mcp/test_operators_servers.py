"""Servers on standard input and output, which the operator lets workers start."""

from collections.abc import Iterator
from typing import Any

import pytest

from agents.selectors import tool_infos
from agents.tools.mcp.base import connector_in_use
from agents.tools.registry import tenant_tools_forget
from policy.types import Principal
from shannon_project.foundation.ids import uuid7
from tests.integration.agents.mcp.servers import STDIO_SERVER
from tests.integration.agents.mcp.test_client import call, names_of


@pytest.fixture(autouse=True)
def _nothing_is_left(principal: Principal, settings: Any) -> Iterator[None]:
    yield
    settings.SHANNON_MCP_STDIO_SERVERS = {}
    tenant_tools_forget()


def test_a_server_of_the_operators_is_started_without_the_workers_environment(
    principal: Principal, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    settings.SHANNON_MCP_STDIO_SERVERS = {
        f"local{uuid7().hex[:6]}": {"command": STDIO_SERVER[0], "args": STDIO_SERVER[1:], "env": {"GIVEN": "1"}}
    }
    tenant_tools_forget()
    (name,) = names_of(principal)
    output = call(principal, name).output
    assert isinstance(output, dict)
    assert "GIVEN" in output["result"]
    assert not {"OPENAI_API_KEY", "DATABASE_URL", "SHANNON_SECRET_KEY"} & set(output["result"])


def test_one_that_cannot_be_started_costs_nobody_the_other_tools(
    principal: Principal, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    connector = connector_in_use()
    real = connector.tools

    def counted(name: str, *args: Any, **more: Any) -> Any:
        asked.append(name)
        return real(name, *args, **more)

    monkeypatch.setattr(connector, "tools", counted)
    gone = f"gone{uuid7().hex[:6]}"
    settings.SHANNON_MCP_STDIO_SERVERS = {gone: {"command": "/nonexistent/program"}}
    for _ in range(2):
        tenant_tools_forget()
        assert "calculator" in {info.name for info in tool_infos(tenant_id=principal.tenant_id)}
        assert names_of(principal) == {}
    assert asked == [gone]  # it is left alone for a while, since starting one may take long


def test_one_is_for_the_tenants_that_it_names(principal: Principal, stranger: Principal, settings: Any) -> None:
    command = {"command": STDIO_SERVER[0], "args": STDIO_SERVER[1:], "tenants": [str(principal.tenant_id)]}
    settings.SHANNON_MCP_STDIO_SERVERS = {f"local{uuid7().hex[:6]}": command}
    tenant_tools_forget()
    assert len(names_of(principal)) == 1
    assert names_of(stranger) == {}
