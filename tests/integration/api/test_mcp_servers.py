"""Registering MCP servers over HTTP."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from agents.models import McpServer
from tests.integration.agents.mcp.servers import McpSite, mcp_site
from tests.integration.api.callers import Caller, error_of

pytestmark = pytest.mark.django_db
URL = "/api/v1/mcp-servers"


@pytest.fixture
def site(settings: Any) -> Iterator[McpSite]:
    with mcp_site() as running:
        settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = running.url.split("/")[2]
        yield running


def register(caller: Caller, site: McpSite, **more: Any) -> Any:
    body = {"name": "calc", "url": site.url, "headers": {"X-Token": "very-secret"}, **more}
    return caller.client.post(URL, body, content_type="application/json")


def test_a_server_is_registered_listed_changed_asked_again_and_deleted(caller: Caller, site: McpSite) -> None:
    made = register(caller, site)
    assert made.status_code == 201
    server = made.json()
    assert {tool["name"] for tool in server["tools"]} >= {"add", "wipe"}
    assert server["has_headers"] is True
    one = f"{URL}/{server['id']}"
    assert [row["name"] for row in caller.client.get(URL).json()["servers"]] == ["calc"]
    tools = {tool["name"]: tool for tool in caller.client.get("/api/v1/tools", {"category": "mcp"}).json()["tools"]}
    assert tools["mcp__calc__add"]["parameters"]["required"] == ["a", "b"]
    changed = caller.client.patch(one, {"tools_allowed": ["add"]}, content_type="application/json").json()
    assert changed["tools_allowed"] == ["add"]
    assert caller.client.post(f"{one}/refresh").json()["discovery_error"] == ""
    assert caller.client.delete(one).status_code == 204
    error_of(caller.client.get(one), 404)


def test_credentials_are_never_shown(caller: Caller, site: McpSite) -> None:
    made = register(caller, site)
    everything = made.content + caller.client.get(URL).content
    assert b"very-secret" not in everything
    assert b"X-Token" not in everything
    assert "very-secret" not in McpServer.objects.get().encrypted_headers


def test_a_server_is_its_tenants(caller: Caller, stranger: Caller, site: McpSite) -> None:
    one = f"{URL}/{register(caller, site).json()['id']}"
    assert stranger.client.get(URL).json() == {"servers": []}
    error_of(stranger.client.get(one), 404)
    error_of(stranger.client.patch(one, {"is_active": False}, content_type="application/json"), 404)
    error_of(stranger.client.post(f"{one}/refresh"), 404)
    error_of(stranger.client.delete(one), 404)
    assert McpServer.objects.get().is_active


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "Calc", "url": "https://mcp.example/"}, "MCP_SERVER_INVALID"),
        ({"name": "calc", "url": "ftp://mcp.example/"}, "MCP_SERVER_INVALID"),
        ({"name": "calc"}, "INVALID_INPUT"),
        ({"name": "calc", "url": "https://mcp.example/", "command": "rm"}, "INVALID_INPUT"),
        ({"name": "calc", "url": "https://mcp.example/", "headers": {"a": 1}}, "INVALID_INPUT"),
        ({"name": "calc", "url": "https://mcp.example/", "timeout_seconds": 0}, "INVALID_INPUT"),
    ],
)
def test_a_body_that_is_not_fit_is_refused(caller: Caller, body: dict[str, Any], code: str) -> None:
    response = caller.client.post(URL, body, content_type="application/json")
    assert error_of(response, 400)["code"] == code


def test_a_name_is_taken_once(caller: Caller, site: McpSite) -> None:
    register(caller, site)
    assert error_of(register(caller, site), 409)["code"] == "MCP_SERVER_EXISTS"


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_an_unknown_id_is_not_found(caller: Caller, method: str) -> None:
    for name in (str(uuid4()), "nonsense"):
        response = getattr(caller.client, method)(f"{URL}/{name}", content_type="application/json")
        assert error_of(response, 404)["code"] == "MCP_SERVER_NOT_FOUND"


def test_registering_needs_its_scope(caller_with: Callable[..., Caller], site: McpSite) -> None:
    reader = caller_with("tools:read")
    assert reader.client.get(URL).status_code == 200
    error_of(register(reader, site), 403)
    assert site.headers == []


def test_trust_that_ended_is_told_until_trust_is_set_again(caller_with: Callable[..., Caller], site: McpSite) -> None:
    caller = caller_with("tools:read", "tools:write", "tools:dangerous")
    server = register(caller, site, tools_trusted=["wipe"]).json()
    assert (server["tools_trusted"], server["trust_ended"]) == (["wipe"], {})

    def wipe(what: str) -> str:
        """Delete everything that is like it."""
        return what

    site.describe_anew("wipe", wipe)
    one = f"{URL}/{server['id']}"
    told = caller.client.post(f"{one}/refresh").json()
    assert (told["tools_trusted"], set(told["trust_ended"])) == ([], {"wipe"})
    again = caller.client.patch(one, {"tools_trusted": ["wipe"]}, content_type="application/json").json()
    assert (again["tools_trusted"], again["trust_ended"]) == (["wipe"], {})
