"""MCP servers of tenants in the admin."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks

from agents.models import McpServer
from policy.services import tenant_seed
from policy.types import Principal
from tests.integration.agents.mcp.servers import McpSite, mcp_site
from tests.integration.agents.mcp.test_client import names_of

ADD = "/admin/agents/mcpserver/add/"
SECRET = "very-secret"


@pytest.fixture
def site(settings: Any) -> Iterator[McpSite]:
    with mcp_site() as running:
        settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = running.url.split("/")[2]
        yield running


def values(principal: Principal, site: McpSite, **more: Any) -> dict[str, Any]:
    given = {"tenant": principal.tenant_id, "name": "calc", "url": site.url, "is_active": "on", "timeout_seconds": 5}
    return {**given, "tools_allowed": '["add", "wipe"]', "tools_trusted": '["wipe"]', "headers": "", **more}


@pytest.fixture
def server(
    principal: Principal,
    site: McpSite,
    admin_client: Client,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> McpServer:
    """One that was registered in the admin."""
    with django_capture_on_commit_callbacks(execute=True):
        saved = admin_client.post(ADD, values(principal, site, headers=json.dumps({"Authorization": SECRET})))
    assert saved.status_code == 302, saved.content[-3000:]
    return McpServer.objects.get()


def page(server: McpServer) -> str:
    return f"/admin/agents/mcpserver/{server.id}/change/"


def test_one_is_registered_with_credentials_and_asked(
    principal: Principal, site: McpSite, server: McpServer, admin_client: Client
) -> None:
    assert names_of(principal) == {"mcp__calc__add": False, "mcp__calc__wipe": False}
    assert (server.created_by, server.timeout_seconds, server.discovery_error) == ("user:admin", 5.0, "")
    assert {headers.get("authorization") for headers in site.headers} == {SECRET}
    shown = admin_client.get(page(server)).content.decode()
    assert "mcp__calc" not in shown
    assert "wipe" in shown
    assert SECRET not in shown
    assert server.encrypted_headers not in shown
    assert SECRET not in server.encrypted_headers


@pytest.mark.parametrize(
    "rubbish",
    [
        {"name": "Calc"},
        {"name": "a__b"},
        {"url": "ftp://mcp.example/"},
        {"url": "http://user:pw@mcp.example/"},
        {"headers": "[1]"},
        {"headers": '{"a": 1}'},
        {"headers": '{"Host": "x"}'},
        {"headers": '{"X": "a\\r\\nY: b"}'},
        {"headers": "{"},
        {"tools_allowed": "5"},
        {"tools_allowed": '"add"'},
        {"tools_trusted": "[1]"},
        {"timeout_seconds": 0},
        {"timeout_seconds": 1e9},
        {"timeout_seconds": "nan"},
        {"tenant": ""},
    ],
    ids=str,
)
def test_what_the_api_would_refuse_is_refused(
    principal: Principal, site: McpSite, admin_client: Client, rubbish: dict[str, Any]
) -> None:
    assert admin_client.post(ADD, values(principal, site, **rubbish)).status_code == 200
    assert not McpServer.objects.exists()
    assert site.headers == []


def test_a_tenant_has_so_many_and_one_of_each_name(
    principal: Principal, site: McpSite, server: McpServer, admin_client: Client, settings: Any
) -> None:
    assert admin_client.post(ADD, values(principal, site)).status_code == 200
    settings.SHANNON_MCP_SERVERS_MAX = 1
    assert b"at most 1 MCP servers" in admin_client.post(ADD, values(principal, site, name="other")).content
    assert McpServer.objects.count() == 1


def test_a_change_keeps_what_is_not_said_and_trust_ends_with_the_address(
    principal: Principal,
    site: McpSite,
    server: McpServer,
    admin_client: Client,
    settings: Any,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    other_tenant = tenant_seed(slug="elsewhere", name="Elsewhere")
    changed = values(principal, site, tools_allowed="", tenant=other_tenant.id, name="renamed")
    changed["initial-tools_trusted"] = changed["tools_trusted"]  # as the page has it
    assert admin_client.post(page(server), changed).status_code == 302
    before, server = server, McpServer.objects.get()
    assert (server.name, server.tenant_id) == ("calc", principal.tenant_id)
    assert (server.tools_allowed, server.tools_trusted) == ([], ["wipe"])
    assert server.encrypted_headers == before.encrypted_headers
    asked = len(site.headers)
    with mcp_site() as other:
        settings.SHANNON_HTTP_ENDPOINTS_ALLOWED += f",{other.url.split('/')[2]}"
        with django_capture_on_commit_callbacks(execute=True):
            assert admin_client.post(page(server), {**changed, "url": other.url}).status_code == 302
        assert other.headers
    server.refresh_from_db()
    assert (server.tools_trusted, server.encrypted_headers) == ([], "")
    assert len(site.headers) == asked
    assert names_of(principal)["mcp__calc__wipe"] is True


def test_trust_that_ended_while_somebody_looked_is_not_given_again_by_another_change(
    principal: Principal, site: McpSite, server: McpServer, admin_client: Client
) -> None:
    seen = admin_client.get(page(server)).content.decode()
    assert re.search(r'name="initial-tools_trusted" value="\[&quot;wipe&quot;\]"', seen)
    McpServer.objects.update(tools_trusted=[], trust_digests={}, trust_ended={"wipe": "2026-11-26T12:00:00"})
    posted = values(principal, site, timeout_seconds=7, **{"initial-tools_trusted": '["wipe"]'})
    assert admin_client.post(page(server), posted).status_code == 302
    server.refresh_from_db()
    assert (server.timeout_seconds, server.tools_trusted, list(server.trust_ended)) == (7, [], ["wipe"])
    assert admin_client.post(page(server), {**posted, "initial-tools_trusted": "[]"}).status_code == 302
    server.refresh_from_db()
    assert (server.tools_trusted, server.trust_ended) == (["wipe"], {}), "who says it gives it"


def test_headers_are_removed_by_none(
    principal: Principal, site: McpSite, server: McpServer, admin_client: Client
) -> None:
    assert admin_client.post(page(server), values(principal, site, headers="{}")).status_code == 302
    server.refresh_from_db()
    assert server.encrypted_headers == ""


def test_servers_are_asked_again(site: McpSite, server: McpServer, admin_client: Client) -> None:
    McpServer.objects.update(tools=[], discovered_at=None)
    chosen = {"action": "ask_again", "_selected_action": [str(server.id)]}
    said = admin_client.post("/admin/agents/mcpserver/", chosen, follow=True).content.decode()
    server.refresh_from_db()
    assert f"calc: {len(server.tools)} tools" in said
    assert server.tools
