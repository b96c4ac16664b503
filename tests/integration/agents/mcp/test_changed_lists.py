"""Servers that come to offer other tools: who tells the platform, and when it asks again by itself."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from agents.models import McpServer
from agents.services import McpServerChanges, mcp_server_change, mcp_server_create, mcp_servers_refresh
from agents.tools.registry import tenant_tools_forget
from policy.types import Principal
from tests.integration.agents.mcp.servers import McpSite, mcp_site, site_that_says
from tests.integration.agents.mcp.test_client import call, names_of

CHANGED = "notifications/tools/list_changed"


@pytest.fixture
def site(settings: Any) -> Iterator[McpSite]:
    with mcp_site() as running:
        settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = running.url.split("/")[2]
        yield running


def registered(principal: Principal, url: str, name: str = "calc") -> McpServer:
    return mcp_server_create(principal=principal, name=name, changes=McpServerChanges(url=url))


def let_time_pass(server: McpServer) -> None:
    """Make the server one that was asked a day ago."""
    McpServer.objects.filter(id=server.id).update(asked_at=Now() - timedelta(days=1))


def has_grown(principal: Principal) -> bool:
    tenant_tools_forget()
    return any(name.startswith("mcp__calc__add_") for name in names_of(principal))


def test_a_server_that_says_so_with_its_answer_is_asked_again(principal: Principal, settings: Any) -> None:
    tools: list[dict[str, Any]] = [{"name": "grow", "inputSchema": {"type": "object"}}]
    with site_that_says(tools, {"content": []}, told=(CHANGED,)) as url:
        settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = url.split("/")[2]
        owner = replace(principal, scopes=principal.scopes | {"tools:dangerous"})
        trusting = McpServerChanges(url=url, tools_trusted=["grow", "new"])
        mcp_server_create(principal=owner, name="calc", changes=trusting)
        tools.append({"name": "new", "inputSchema": {"type": "object"}})
        assert call(principal, "mcp__calc__grow").ok
        assert set(names_of(principal)) == {"mcp__calc__grow", "mcp__calc__new"}


def test_one_that_says_nothing_is_asked_again_after_a_while(principal: Principal, site: McpSite) -> None:
    server = registered(principal, site.url)
    assert call(principal, "mcp__calc__grow").ok  # today's protocol tells only whoever listens all the time
    assert mcp_servers_refresh() == 0
    assert not has_grown(principal)
    let_time_pass(server)
    assert mcp_servers_refresh() == 1
    assert has_grown(principal)
    assert mcp_servers_refresh() == 0


def test_one_that_fails_keeps_its_tools_and_is_left_alone_for_as_long(principal: Principal, settings: Any) -> None:
    with mcp_site() as running:
        settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = running.url.split("/")[2]
        server = registered(principal, running.url)
    let_time_pass(server)
    assert mcp_servers_refresh() == 1
    server.refresh_from_db()
    assert server.tools
    assert "calc failed" in server.discovery_error
    assert mcp_servers_refresh() == 0


def test_one_that_is_switched_off_or_cannot_be_asked_holds_up_no_other(principal: Principal, site: McpSite) -> None:
    off, locked, sound = (registered(principal, site.url, name) for name in ("off", "locked", "calc"))
    mcp_server_change(principal=principal, server_id=off.id, changes=McpServerChanges(is_active=False))
    McpServer.objects.filter(id=locked.id).update(encrypted_headers="of a key that is gone")
    assert call(principal, "mcp__calc__grow").ok
    for server in (off, locked, sound):
        let_time_pass(server)
    assert mcp_servers_refresh() == 2
    assert has_grown(principal)
    locked.refresh_from_db()
    assert locked.discovery_error
