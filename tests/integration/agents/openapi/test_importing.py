"""Importing documents: what becomes a tool, what is offered, and whose it is."""

import json
from pathlib import Path
from typing import Any

import litellm
import pytest
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from agents.errors import OpenApiExists, OpenApiInvalid, OpenApiNotFound
from agents.selectors import openapi_api_for, tool_definitions, tool_for, tool_infos
from agents.services import (
    OpenApiChanges,
    openapi_api_change,
    openapi_api_create,
    openapi_api_delete,
    openapi_api_refresh,
)
from agents.tools.openapi import apis
from policy.errors import ScopeMissing
from policy.services import api_key_issue
from policy.types import Principal
from shannon_project.foundation.outbound import fetch
from tests.integration.agents.openapi.apis import NAMES, call, imported, owner, site, small, text_of
from tests.integration.agents.openapi.sites import ApiSite

__all__ = ["owner", "site"]  # the fixtures


@pytest.mark.parametrize("name", [*NAMES, "litellm"])
def test_every_operation_of_a_real_document_becomes_a_tool_that_models_take(principal: Principal, name: str) -> None:
    if name == "litellm":  # 1.9 MB that the package ships: the description of its proxy
        text = (Path(litellm.__file__).parent / "proxy" / "openapi.json").read_text()
    else:
        text = text_of(name)
    api = imported(principal, text, server_url="https://api.example/v1")
    report = api.report
    assert report["imported"] + report["filtered"] + len(report["left_out"]) >= min(report["operations"], 128)
    assert all("At most" in one["reason"] for one in report["left_out"]), report["left_out"]
    names = [record["tool"] for record in api.operations]
    for definition in tool_definitions(names, tenant_id=principal.tenant_id):
        function = definition["function"]
        assert len(function["name"]) <= 64
        assert function["description"]
        Draft202012Validator.check_schema(function["parameters"])
        assert "$ref" not in json.dumps(function["parameters"])


def test_the_platforms_own_schema_is_imported_and_its_operations_answer(
    transactional_db: None, live_server: LiveServer, settings: Settings
) -> None:
    from policy.services import tenant_seed  # noqa: PLC0415 - a transactional test has its own tenant

    tenant = tenant_seed(slug="acme", name="Acme")
    scopes = frozenset({"tasks:read", "tools:read", "tools:execute", "sessions:read", "sessions:write"})
    member = Principal(tenant.id, "key:acme", "ada", scopes)
    key = api_key_issue(tenant=tenant, name="own", user_id="ada", scopes=sorted(scopes)).plaintext
    settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = live_server.url.removeprefix("http://")
    generator: Any = SchemaGenerator  # it has no types
    document = json.dumps(generator().get_schema(request=None, public=True), default=str)
    api = imported(member, document, server_url=live_server.url, tags=["tools", "sessions", "tasks"])
    assert api.report["imported"] > 30
    scheme = next(name for name, one in api.security_schemes.items() if one["kind"] == "key")
    openapi_api_change(principal=member, api_id=api.id, changes=OpenApiChanges(credentials={scheme: {"value": key}}))
    by_path = {(one["method"], one["path"]): one["tool"] for one in api.operations}
    found = call(member, by_path["GET", "/api/v1/tools/{name}"], name="calculator")
    assert found.ok, found.error
    assert isinstance(found.output, dict)
    assert found.output["body"]["name"] == "calculator"
    listed = call(member, by_path["GET", "/api/v1/tasks"], limit=5)
    assert listed.ok, listed.error
    missing = call(member, by_path["GET", "/api/v1/tools/{name}"], name="nope")
    assert missing.error is not None
    assert (missing.error.code, missing.error.final) == ("API_ERROR", False)
    assert "TOOL_NOT_FOUND" in missing.error.message


def test_what_may_change_something_is_dangerous_until_the_tenant_trusts_it(
    principal: Principal, owner: Principal, site: ApiSite
) -> None:
    api = imported(principal, text_of("github"), server_url=site.url)
    dangerous = {info.name: info.dangerous for info in tool_infos(tenant_id=principal.tenant_id)}
    assert dangerous["api__x__issues_list_for_repo"] is False
    assert dangerous["api__x__issues_create"] is True
    arguments = {"owner": "o", "repo": "r", "body": {"title": "t"}}
    denied = call(principal, "api__x__issues_create", **arguments)
    assert denied.error is not None
    assert denied.error.code == "POLICY_DENIED"
    trusting = OpenApiChanges(operations_trusted=["issues/create"])
    with pytest.raises(ScopeMissing):
        openapi_api_change(principal=principal, api_id=api.id, changes=trusting)
    openapi_api_change(principal=owner, api_id=api.id, changes=trusting)
    assert call(principal, "api__x__issues_create", **arguments).ok
    assert json.loads(site.calls[0].body) == {"title": "t"}


def test_trust_does_not_follow_a_name_to_another_operation(owner: Principal, site: ApiSite) -> None:
    api = imported(owner, small(site, "/a", "post"), operations_trusted=["do"])
    same = small(site, "/a", "post", info={"title": "t", "version": "2"})
    kept = openapi_api_change(principal=owner, api_id=api.id, changes=OpenApiChanges(document=same))
    assert kept.operations_trusted == ["do"]
    other = small(site, "/everything", "delete")
    changed = openapi_api_change(principal=owner, api_id=api.id, changes=OpenApiChanges(document=other))
    assert changed.operations_trusted == []
    assert tool_for("api__x__do", tenant_id=owner.tenant_id).dangerous is True


def test_what_is_changed_while_a_document_is_fetched_stays(
    owner: Principal, site: ApiSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    json_type = {"Content-Type": "application/json"}
    scheme = {"s": {"type": "apiKey", "in": "header", "name": "X-Key"}}
    whole = small(site, "/a", "post", components={"securitySchemes": scheme}, security=[{"s": []}])
    site.answers["/openapi.json"] = (200, json_type, whole.encode())
    changes = OpenApiChanges(
        url=f"{site.url}/openapi.json", credentials={"s": {"value": "old"}}, operations_trusted=["do"]
    )
    api = openapi_api_create(principal=owner, name="x", changes=changes)
    real = fetch

    def slow(*args: Any, **more: Any) -> Any:
        found = real(*args, **more)
        meanwhile = OpenApiChanges(credentials={"s": {"value": "new"}}, operations_trusted=[], is_active=False)
        openapi_api_change(principal=owner, api_id=api.id, changes=meanwhile)
        return found

    monkeypatch.setattr(apis, "fetch", slow)
    refreshed = openapi_api_refresh(principal=owner, api_id=api.id)
    assert (refreshed.is_active, refreshed.operations_trusted) == (False, [])
    assert apis.signer_of(refreshed).credentials == {"s": {"value": "new"}}


def test_a_document_that_went_elsewhere_while_it_was_fetched_is_not_kept(
    principal: Principal, site: ApiSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.answers["/openapi.json"] = (200, {"Content-Type": "application/json"}, small(site).encode())
    changes = OpenApiChanges(url=f"{site.url}/openapi.json")
    api = openapi_api_create(principal=principal, name="x", changes=changes)
    real = fetch

    def slow(*args: Any, **more: Any) -> Any:
        found = real(*args, **more)
        meanwhile = OpenApiChanges(document=small(site, "/b"))
        openapi_api_change(principal=principal, api_id=api.id, changes=meanwhile)
        return found

    monkeypatch.setattr(apis, "fetch", slow)
    refreshed = openapi_api_refresh(principal=principal, api_id=api.id)
    assert (refreshed.url, refreshed.operations[0]["path"]) == ("", "/b")


def test_private_addresses_are_refused(principal: Principal, site: ApiSite, settings: Settings) -> None:
    settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = ""
    with pytest.raises(OpenApiInvalid):
        openapi_api_create(principal=principal, name="y", changes=OpenApiChanges(url=f"{site.url}/openapi.json"))
    imported(principal, small(site))
    error = call(principal, "api__x__do").error
    assert error is not None
    assert error.code == "HTTP_REFUSED"
    assert site.asked == []


def test_an_api_is_its_tenants(principal: Principal, stranger: Principal, site: ApiSite) -> None:
    api = imported(principal, small(site))
    for act in (
        lambda: openapi_api_for(principal=stranger, api_id=api.id),
        lambda: openapi_api_change(principal=stranger, api_id=api.id, changes=OpenApiChanges(is_active=False)),
        lambda: openapi_api_refresh(principal=stranger, api_id=api.id),
        lambda: openapi_api_delete(principal=stranger, api_id=api.id),
    ):
        with pytest.raises(OpenApiNotFound):
            act()
    assert "api__x__do" not in {info.name for info in tool_infos(tenant_id=stranger.tenant_id)}


def test_filters_and_switches_change_what_is_offered(principal: Principal) -> None:
    api = imported(principal, text_of("petstore"), server_url="https://pets.example", tags=["store"])

    def offered() -> set[str]:
        return {info.name for info in tool_infos(tenant_id=principal.tenant_id) if info.category == "openapi"}

    assert offered() == {"api__x__getInventory"}
    openapi_api_change(principal=principal, api_id=api.id, changes=OpenApiChanges(operations=["loginUser"]))
    assert offered() == {"api__x__getInventory", "api__x__loginUser"}
    openapi_api_change(principal=principal, api_id=api.id, changes=OpenApiChanges(tags=[], operations=[]))
    assert len(offered()) == 9
    openapi_api_change(principal=principal, api_id=api.id, changes=OpenApiChanges(is_active=False))
    assert offered() == set()
    openapi_api_delete(principal=principal, api_id=api.id)


def test_what_cannot_be_imported_changes_nothing(principal: Principal, site: ApiSite) -> None:
    api = imported(principal, small(site))
    with pytest.raises(OpenApiInvalid):
        openapi_api_change(principal=principal, api_id=api.id, changes=OpenApiChanges(document="{}"))
    with pytest.raises(OpenApiInvalid):
        openapi_api_refresh(principal=principal, api_id=api.id)
    with pytest.raises(OpenApiExists):
        imported(principal, small(site))
    assert call(principal, "api__x__do").ok
