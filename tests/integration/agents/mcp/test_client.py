"""Tools of MCP servers, called by the platform: real servers, made with the official package."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from agents.errors import McpServerExists, McpServerInvalid, McpServerNotFound
from agents.journal import Journal
from agents.models import JournalEntry, McpServer
from agents.selectors import mcp_server_for, tool_infos
from agents.services import (
    McpServerChanges,
    mcp_server_change,
    mcp_server_create,
    mcp_server_delete,
    mcp_server_refresh,
    tool_call,
)
from agents.tools.mcp.base import connector_in_use
from agents.tools.mcp.tool import tool_name
from agents.types import ToolResult
from policy.errors import ScopeMissing
from policy.types import Principal
from tests.integration.agents.mcp.servers import McpSite, mcp_site, site_that_sends
from tests.integration.agents.steps import engine_of, next_attempt, step_of


@pytest.fixture
def site(settings: Any) -> Iterator[McpSite]:
    with mcp_site() as running:
        settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = running.url.split("/")[2]
        yield running


def registered(principal: Principal, site: McpSite, **changes: Any) -> McpServer:
    return mcp_server_create(principal=principal, name="calc", changes=McpServerChanges(url=site.url, **changes))


def names_of(principal: Principal) -> dict[str, bool]:
    """Return the tenant's MCP tools and whether each is dangerous."""
    return {info.name: info.dangerous for info in tool_infos(tenant_id=principal.tenant_id) if "__" in info.name}


def call(principal: Principal, name: str, **arguments: Any) -> ToolResult:
    ctx = step_of(principal)
    return tool_call(ctx, Journal(ctx), name, json.dumps(arguments))


def test_a_servers_tools_are_found_and_called(principal: Principal, site: McpSite) -> None:
    server = registered(principal, site)
    assert server.discovery_error == ""
    assert {tool["name"] for tool in server.tools} == {"add", "wipe", "fail", "doze", "grow", "charge"}
    assert names_of(principal)["mcp__calc__add"] is False
    result = call(principal, "mcp__calc__add", a=2, b=3)
    assert (result.ok, result.output) == (True, {"result": 5})


def test_arguments_that_do_not_fit_never_reach_the_server(principal: Principal, site: McpSite) -> None:
    registered(principal, site)
    result = call(principal, "mcp__calc__add", a="two", b=3)
    assert result.error is not None
    assert result.error.code == "TOOL_INPUT_INVALID"
    assert site.calls == []


def test_a_tool_that_may_destroy_is_dangerous_until_the_tenant_trusts_it(principal: Principal, site: McpSite) -> None:
    server = registered(principal, site)
    assert names_of(principal)["mcp__calc__wipe"] is True
    denied = call(principal, "mcp__calc__wipe", what="all")
    assert denied.error is not None
    assert denied.error.code == "POLICY_DENIED"
    trusting = McpServerChanges(tools_trusted=["wipe"])
    with pytest.raises(ScopeMissing):  # nobody lets agents call as harmless what the own key may not call
        mcp_server_change(principal=principal, server_id=server.id, changes=trusting)
    owner = replace(principal, scopes=principal.scopes | {"tools:dangerous"})
    mcp_server_change(principal=owner, server_id=server.id, changes=trusting)
    assert call(principal, "mcp__calc__wipe", what="all").output == {"result": "all is gone"}


def test_a_recorded_call_is_not_made_again(principal: Principal, site: McpSite) -> None:
    registered(principal, site)
    ctx = step_of(principal)
    first = tool_call(ctx, Journal(ctx), "mcp__calc__add", '{"a": 1, "b": 1}')
    again = next_attempt(ctx)
    assert tool_call(again, Journal(again), "mcp__calc__add", '{"a": 1, "b": 1}') == first
    assert site.calls == [("add", 1, 1)]


def test_a_call_that_is_made_again_carries_the_same_key_so_that_the_server_does_it_once(
    principal: Principal, site: McpSite, settings: Any
) -> None:
    settings.SHANNON_TOOL_UNKNOWN_OUTCOME = {"mcp__calc__charge": "retry"}
    registered(principal, site)
    ctx = step_of(principal)
    first = tool_call(ctx, Journal(ctx), "mcp__calc__charge", '{"amount": 5}')
    JournalEntry.objects.filter(step_id=ctx.step_id).update(status="started", response=None)  # as a death leaves it
    again = next_attempt(ctx)
    assert tool_call(again, Journal(again), "mcp__calc__charge", '{"amount": 5}') == first
    assert site.keys == [f"{ctx.step_id}:0"] * 2
    assert site.calls == [("charge", 5)]


def test_a_failure_of_the_tool_is_told_to_the_model(principal: Principal, site: McpSite) -> None:
    registered(principal, site)
    error = call(principal, "mcp__calc__fail").error
    assert error is not None
    assert (error.code, error.final) == ("MCP_TOOL_FAILED", False)
    assert "it is raining" in error.message


def test_a_call_that_takes_longer_than_the_server_may_is_given_up(principal: Principal, site: McpSite) -> None:
    registered(principal, site, timeout_seconds=4.0)
    given_up = call(principal, "mcp__calc__doze")
    assert given_up.error is not None
    assert given_up.error.code in {"MCP_SERVER_FAILED", "TOOL_TIMEOUT"}
    assert site.calls == ["doze"]
    assert call(principal, "mcp__calc__add", a=1, b=2).output == {"result": 3}


def test_only_servers_on_hosts_that_the_operator_allows_are_asked(
    principal: Principal, site: McpSite, settings: Any
) -> None:
    settings.SHANNON_HTTP_HOSTS_ALLOWED = "tools.example.com"
    settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = ""
    with pytest.raises(McpServerInvalid):
        registered(principal, site)
    with pytest.raises(McpServerInvalid):
        mcp_server_create(principal=principal, name="x", changes=McpServerChanges(url="https://mcp.example.org/mcp"))
    assert site.headers == []


def test_credentials_are_sent_and_lie_nowhere_open(principal: Principal, site: McpSite) -> None:
    server = registered(principal, site, headers={"Authorization": "Bearer very-secret"})
    ctx = step_of(principal)
    tool_call(ctx, Journal(ctx), "mcp__calc__add", '{"a": 1, "b": 1}')
    assert {headers.get("authorization") for headers in site.headers} == {"Bearer very-secret"}
    kept = str(McpServer.objects.values().get(id=server.id)) + str(list(JournalEntry.objects.values()))
    assert "very-secret" not in kept + str(engine_of(ctx).events)


def test_credentials_do_not_go_along_to_another_origin(principal: Principal, site: McpSite, settings: Any) -> None:
    server = registered(principal, site, headers={"Authorization": "Bearer very-secret"})
    with mcp_site() as other:
        settings.SHANNON_HTTP_ENDPOINTS_ALLOWED += f",{other.url.split('/')[2]}"
        moved = mcp_server_change(principal=principal, server_id=server.id, changes=McpServerChanges(url=other.url))
    assert moved.tools
    assert moved.encrypted_headers == ""
    assert all("authorization" not in headers for headers in other.headers)


def test_an_answer_that_unfolds_to_more_than_may_be_read_is_refused(principal: Principal, settings: Any) -> None:
    with site_that_sends(gzip.compress(b" " * 50_000_000), **{"Content-Encoding": "gzip"}) as url:
        settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = url.split("/")[2]
        bomb = mcp_server_create(principal=principal, name="bomb", changes=McpServerChanges(url=url))
    assert "compressed" in bomb.discovery_error
    with site_that_sends(b" " * 2_000_000) as url:
        settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = url.split("/")[2]
        settings.SHANNON_HTTP_MAX_BYTES = 1_000_000
        large = mcp_server_create(principal=principal, name="large", changes=McpServerChanges(url=url))
    assert "1000000 bytes" in large.discovery_error


def test_trust_does_not_go_along_to_another_address(principal: Principal, site: McpSite, settings: Any) -> None:
    owner = replace(principal, scopes=principal.scopes | {"tools:dangerous"})
    server = registered(owner, site, tools_trusted=["wipe"])
    same = mcp_server_change(principal=principal, server_id=server.id, changes=McpServerChanges(url=site.url))
    assert same.tools_trusted == ["wipe"]
    with mcp_site() as other:
        settings.SHANNON_HTTP_ENDPOINTS_ALLOWED += f",{other.url.split('/')[2]}"
        moved = mcp_server_change(principal=principal, server_id=server.id, changes=McpServerChanges(url=other.url))
        assert moved.tools_trusted == []
        assert names_of(principal)["mcp__calc__wipe"] is True
        denied = call(principal, "mcp__calc__wipe", what="all")
        assert denied.error is not None
        assert denied.error.code == "POLICY_DENIED"
        assert other.calls == []


def test_what_a_server_says_after_its_row_went_elsewhere_is_not_kept(
    principal: Principal, site: McpSite, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = registered(principal, site, tools_allowed=[])
    McpServer.objects.filter(id=server.id).update(tools=[])
    real = connector_in_use().tools

    def slow(*args: Any, **more: Any) -> Any:
        found = real(*args, **more)
        McpServer.objects.filter(id=server.id).update(url="https://elsewhere.example/mcp")  # while it was asked
        return found

    monkeypatch.setattr(connector_in_use(), "tools", slow)
    assert mcp_server_refresh(principal=principal, server_id=server.id).tools == []


def test_only_the_allowed_tools_are_offered(principal: Principal, site: McpSite) -> None:
    registered(principal, site, tools_allowed=["add"])
    assert set(names_of(principal)) == {"mcp__calc__add"}


def test_another_tenant_sees_and_changes_nothing(principal: Principal, stranger: Principal, site: McpSite) -> None:
    server = registered(principal, site)
    assert names_of(stranger) == {}
    result = call(stranger, "mcp__calc__add", a=1, b=1)
    assert result.error is not None
    assert result.error.code == "TOOL_NOT_FOUND"
    for act in (mcp_server_for, mcp_server_refresh, mcp_server_delete):
        with pytest.raises(McpServerNotFound):
            act(principal=stranger, server_id=server.id)
    with pytest.raises(McpServerNotFound):
        mcp_server_change(principal=stranger, server_id=server.id, changes=McpServerChanges(is_active=False))


def test_a_switched_off_or_deleted_server_offers_nothing(principal: Principal, site: McpSite) -> None:
    server = registered(principal, site)
    mcp_server_change(principal=principal, server_id=server.id, changes=McpServerChanges(is_active=False))
    assert names_of(principal) == {}
    mcp_server_change(principal=principal, server_id=server.id, changes=McpServerChanges(is_active=True))
    assert names_of(principal)
    mcp_server_delete(principal=principal, server_id=server.id)
    assert names_of(principal) == {}


def test_a_server_that_is_away_is_registered_with_what_was_wrong(principal: Principal, settings: Any) -> None:
    settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = "127.0.0.1:1"
    changes = McpServerChanges(url="http://127.0.0.1:1/mcp")
    server = mcp_server_create(principal=principal, name="gone", changes=changes)
    assert "gone failed" in server.discovery_error
    assert server.discovered_at is None


def test_a_server_that_goes_away_is_a_failure_for_the_model(principal: Principal, settings: Any) -> None:
    with mcp_site() as running:
        settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = running.url.split("/")[2]
        registered(principal, running)
    error = call(principal, "mcp__calc__add", a=1, b=1).error
    assert error is not None
    assert error.code == "MCP_SERVER_FAILED"


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("Upper", "https://mcp.example/"),
        ("a__b", "https://mcp.example/"),
        ("", "https://mcp.example/"),
        ("x" * 25, "https://mcp.example/"),
        ("fine", "http://user:pw@mcp.example/"),
        ("fine", "ftp://mcp.example/"),
        ("fine", None),
    ],
)
def test_a_name_or_an_address_that_is_not_fit_is_refused(principal: Principal, name: str, url: str | None) -> None:
    with pytest.raises(McpServerInvalid):
        mcp_server_create(principal=principal, name=name, changes=McpServerChanges(url=url))


def test_an_address_inside_is_never_asked(principal: Principal) -> None:
    changes = McpServerChanges(url="http://169.254.169.254/mcp")
    server = mcp_server_create(principal=principal, name="inside", changes=changes)
    assert "private or special network" in server.discovery_error


@pytest.mark.parametrize("headers", [{"X-A": "b\r\nX-Evil: c"}, {"Host": "other.example"}, {"Content-Length": "0"}])
def test_a_header_that_would_add_another_or_change_the_request_is_refused(
    principal: Principal, headers: dict[str, str]
) -> None:
    changes = McpServerChanges(url="https://mcp.example/", headers=headers)
    with pytest.raises(McpServerInvalid):
        mcp_server_create(principal=principal, name="fine", changes=changes)


def test_a_name_is_taken_once(principal: Principal, site: McpSite) -> None:
    registered(principal, site)
    with pytest.raises(McpServerExists):
        registered(principal, site)


def test_names_fit_every_provider_and_stay_apart() -> None:
    assert tool_name("calc", "add") == "mcp__calc__add"
    odd, other = tool_name("calc", "do it!"), tool_name("calc", "do it?")
    assert odd != other
    long = tool_name("calc", "x" * 100)
    assert len(long) == 64
    assert all(character.isalnum() or character in "_-" for character in odd + long)
