"""APIs that are imported from documents: real servers, real documents, and what becomes of credentials."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import litellm
import pytest
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from agents.errors import OpenApiExists, OpenApiInvalid, OpenApiNotFound
from agents.journal import Journal
from agents.models import JournalEntry, OpenApi
from agents.selectors import openapi_api_for, tool_definitions, tool_for, tool_infos
from agents.services import (
    OpenApiChanges,
    openapi_api_change,
    openapi_api_create,
    openapi_api_delete,
    openapi_api_refresh,
    tool_call,
)
from agents.types import ToolResult
from policy.errors import ScopeMissing
from policy.services import api_key_issue
from policy.types import Principal
from sandbox.services import workspace_open
from tests.integration.agents.openapi.sites import ApiSite, api_site
from tests.integration.agents.steps import engine_of, next_attempt, step_of

DOCUMENTS = Path(__file__).parent / "documents"
NAMES = sorted(path.stem for path in DOCUMENTS.glob("*.yaml"))


@pytest.fixture
def site(settings: Settings) -> Iterator[ApiSite]:
    with api_site() as running:
        settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = running.endpoint
        yield running


@pytest.fixture
def owner(principal: Principal) -> Principal:
    """Somebody who may call dangerous tools."""
    return replace(principal, scopes=principal.scopes | {"tools:dangerous"})


def text_of(name: str) -> str:
    return (DOCUMENTS / f"{name}.yaml").read_text()


def imported(who: Principal, document: str, **changes: Any) -> OpenApi:
    return openapi_api_create(principal=who, name="x", changes=OpenApiChanges(document=document, **changes))


def small(site: ApiSite, path: str = "/a", method: str = "get", **parts: Any) -> str:
    operation = {"operationId": "do", "responses": {}, **parts.pop("operation", {})}
    whole = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "servers": [{"url": site.url}]}
    return json.dumps({**whole, "paths": {path: {method: operation}}, **parts})


def call(who: Principal, tool: str, /, **arguments: Any) -> ToolResult:
    ctx = step_of(who)
    return tool_call(ctx, Journal(ctx), tool, json.dumps(arguments))


# Real documents


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


# Requests


def test_parameters_go_where_they_belong(principal: Principal, site: ApiSite) -> None:
    parameters = [
        {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
        {"name": "tags", "in": "query", "explode": False, "schema": {"type": "array", "items": {"type": "string"}}},
        {"name": "f", "in": "query", "style": "deepObject", "schema": {"type": "object"}},
        {"name": "j", "in": "query", "content": {"application/json": {"schema": {"type": "object"}}}},
        {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
        {"name": "lang", "in": "cookie", "schema": {"type": "string"}},
    ]
    imported(principal, small(site, "/a/{id}/b", operation={"parameters": parameters}))
    given = {"id": "x/../y", "tags": ["a b", "c"], "f": {"gt": 1}, "j": {"k": [1]}, "X-Trace": "t", "lang": "de"}
    result = call(principal, "api__x__do", **given)
    assert result.output == {"status": 200, "body": {"ok": True}}
    (asked,) = site.calls
    assert (asked.path, asked.query) == ("/a/x%2F..%2Fy/b", "tags=a%20b,c&f[gt]=1&j=%7B%22k%22%3A%5B1%5D%7D")
    assert (asked.headers["x-trace"], asked.headers["cookie"]) == ("t", "lang=de")


@pytest.mark.parametrize("value", ["..", ".", ""])
def test_a_path_is_never_left(principal: Principal, site: ApiSite, value: str) -> None:
    imported(principal, small(site, "/safe/{id}"))
    result = call(principal, "api__x__do", id=value)
    assert result.error is not None
    assert result.error.code == "TOOL_INPUT_INVALID"
    assert site.calls == []


def test_bodies_are_written_as_their_media_type_says(owner: Principal, site: ApiSite) -> None:
    stripe = imported(owner, text_of("stripe"), server_url=site.url)
    openapi_api_change(
        principal=owner,
        api_id=stripe.id,
        changes=OpenApiChanges(credentials={"basicAuth": {"username": "sk_test", "password": "x"}}),
    )
    ctx = step_of(owner)
    workspace_open(tenant_id=owner.tenant_id, session_id=ctx.session_id).write("in/proof.png", b"\x89PNG")
    body = {"email": "a+b@x.example", "address": {"city": "Köln"}, "metadata": {"k": "v"}}
    assert tool_call(ctx, Journal(ctx), "api__x__PostCustomers", json.dumps({"body": body})).ok
    ctx = next_attempt(replace(ctx, step_id=step_of(owner).step_id))
    upload = {"body": {"file": "in/proof.png", "purpose": "dispute_evidence"}}
    assert tool_call(ctx, Journal(ctx), "api__x__PostFiles", json.dumps(upload)).ok
    form, files = site.calls
    assert form.headers["content-type"] == "application/x-www-form-urlencoded"
    assert form.body == b"email=a%2Bb%40x.example&address[city]=K%C3%B6ln&metadata[k]=v"
    assert form.headers["authorization"] == "Basic " + base64.b64encode(b"sk_test:x").decode()
    assert files.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="file"; filename="proof.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n' in files.body
    assert b'name="purpose"\r\n\r\ndispute_evidence\r\n' in files.body


def test_a_file_that_is_not_in_the_workspace_is_not_sent(owner: Principal, site: ApiSite) -> None:
    operation: dict[str, Any] = {"requestBody": {"content": {"application/octet-stream": {}}}}
    imported(owner, small(site, method="post", operation=operation))
    for path in ("/etc/passwd", "../secret", "nothing.bin"):
        assert not call(owner, "api__x__do", body=path).ok
    assert site.calls == []


def test_arguments_that_do_not_fit_never_reach_the_api(principal: Principal, site: ApiSite) -> None:
    imported(principal, text_of("open_meteo"), server_url=site.url)
    name = "api__x__get_v1_forecast"
    for arguments in ({"latitude": 1}, {"latitude": "north", "longitude": 1}, {"latitude": 1, "longitude": 1, "x": 1}):
        assert not call(principal, name, **arguments).ok
    assert site.calls == []
    assert call(principal, name, latitude=52.5, longitude=13.4, hourly=["rain", "snow_depth"]).ok
    assert site.calls[0].query == "latitude=52.5&longitude=13.4&hourly=rain,snow_depth"


# Danger and repetition


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


def test_methods_say_what_may_be_repeated_and_a_post_has_a_key(owner: Principal, site: ApiSite) -> None:
    imported(owner, text_of("petstore"), server_url=site.url, credentials={"petstore_auth": {"token": "t"}})
    idempotent = {
        name: tool_for(f"api__x__{name}", tenant_id=owner.tenant_id).idempotent
        for name in ("getPetById", "updatePet", "deletePet", "addPet")
    }
    assert idempotent == {"getPetById": True, "updatePet": True, "deletePet": True, "addPet": False}
    pet = {"name": "Rex", "photoUrls": []}
    ctx = step_of(owner)
    assert tool_call(ctx, Journal(ctx), "api__x__addPet", json.dumps({"body": pet})).ok
    assert call(owner, "api__x__updatePet", body=pet).ok
    posted, put = site.calls
    assert posted.headers["idempotency-key"] == f"{ctx.step_id}:0"
    assert "idempotency-key" not in put.headers
    assert posted.headers["authorization"] == "Bearer t"


# Credentials


def oauth(site: ApiSite, token_url: str = "") -> str:
    schemes = {
        "o": {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": token_url or f"{site.url}/token"}}},
    }
    return small(site, components={"securitySchemes": schemes}, security=[{"o": []}])


CLIENT = {"o": {"client_id": "me", "client_secret": "s3cret/", "scope": "read"}}


def test_a_token_is_asked_for_once_and_again_when_it_is_refused(principal: Principal, site: ApiSite) -> None:
    imported(principal, oauth(site), credentials=CLIENT)
    for _ in range(3):
        assert call(principal, "api__x__do").ok
    assert site.tokens_given == 1
    assert {asked.headers["authorization"] for asked in site.calls} == {"Bearer token-1"}
    token = next(asked for asked in site.asked if asked.path == "/token")
    assert token.body == b"grant_type=client_credentials&scope=read"
    assert token.headers["authorization"] == "Basic " + base64.b64encode(b"me:s3cret%2F").decode()
    site.answers["/a"] = (401, {}, b"expired")
    result = call(principal, "api__x__do")
    assert result.error is not None
    assert (result.error.code, result.error.final) == ("API_ERROR", True)
    assert site.tokens_given == 2  # once more, and not for ever
    assert site.calls[-1].headers["authorization"] == "Bearer token-2"


@pytest.mark.parametrize(
    ("scheme", "given", "seen"),
    [
        ({"type": "apiKey", "in": "header", "name": "X-Key"}, {"value": "v"}, ("x-key", "v")),
        ({"type": "apiKey", "in": "cookie", "name": "sid"}, {"value": "v"}, ("cookie", "sid=v")),
        ({"type": "apiKey", "in": "query", "name": "key"}, {"value": "v&w"}, ("query", "key=v%26w")),
        ({"type": "http", "scheme": "bearer"}, {"token": "t"}, ("authorization", "Bearer t")),
    ],
)
def test_credentials_go_where_the_scheme_says(
    principal: Principal, site: ApiSite, scheme: dict[str, str], given: dict[str, str], seen: tuple[str, str]
) -> None:
    document = small(site, components={"securitySchemes": {"s": scheme}}, security=[{"s": []}])
    imported(principal, document, credentials={"s": given})
    assert call(principal, "api__x__do").ok
    (asked,) = site.calls
    assert {**asked.headers, "query": asked.query}[seen[0]] == seen[1]


def test_credentials_lie_nowhere_open(principal: Principal, site: ApiSite) -> None:
    api = imported(principal, oauth(site), credentials=CLIENT)
    ctx = step_of(principal)
    tool_call(ctx, Journal(ctx), "api__x__do", "{}")
    kept = str(OpenApi.objects.values().get(id=api.id)) + str(list(JournalEntry.objects.values()))
    kept += str(engine_of(ctx).events)
    assert "s3cret" not in kept
    assert "token-" not in kept


def test_without_credentials_the_tool_says_which_are_missing(principal: Principal, site: ApiSite) -> None:
    imported(principal, oauth(site))
    error = call(principal, "api__x__do").error
    assert error is not None
    assert (error.code, error.final) == ("OPENAPI_CREDENTIALS_MISSING", True)
    assert site.asked == []


def test_credentials_do_not_follow_a_document_to_another_server(
    principal: Principal, site: ApiSite, settings: Settings
) -> None:
    with api_site() as evil:
        settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = f"{site.endpoint},{evil.endpoint}"
        json_type = {"Content-Type": "application/json"}
        site.answers["/openapi.json"] = (200, json_type, oauth(site).encode())
        changes = OpenApiChanges(url=f"{site.url}/openapi.json", credentials=CLIENT)
        api = openapi_api_create(principal=principal, name="x", changes=changes)
        assert call(principal, "api__x__do").ok
        for moved in (oauth(evil), oauth(site, token_url=f"{evil.url}/token")):
            site.answers["/openapi.json"] = (200, json_type, moved.encode())
            openapi_api_refresh(principal=principal, api_id=api.id)
            error = call(principal, "api__x__do").error
            assert error is not None
            assert error.code == "OPENAPI_CREDENTIALS_MISSING"
        assert evil.asked == []


def test_a_key_does_not_follow_a_redirect_to_another_server(
    principal: Principal, site: ApiSite, settings: Settings
) -> None:
    with api_site() as other:
        settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = f"{site.endpoint},{other.endpoint}"
        site.answers["/a"] = (302, {"Location": f"{other.url}/b"}, b"")
        scheme = {"type": "apiKey", "in": "header", "name": "X-Key"}
        document = small(site, components={"securitySchemes": {"s": scheme}}, security=[{"s": []}])
        imported(principal, document, credentials={"s": {"value": "very-secret"}})
        assert call(principal, "api__x__do").ok
        assert "x-key" not in other.calls[0].headers


@pytest.mark.parametrize(
    "credentials",
    [{"nope": {"value": "v"}}, {"o": {"value": "v"}}, {"o": {"client_id": "x"}}, {"o": {"token": "a\r\nX: y"}}],
)
def test_credentials_that_do_not_fit_the_document_are_refused(
    principal: Principal, site: ApiSite, credentials: dict[str, dict[str, str]]
) -> None:
    with pytest.raises(OpenApiInvalid):
        imported(principal, oauth(site), credentials=credentials)
    assert not OpenApi.objects.exists()


def test_a_key_in_the_query_is_in_no_error(principal: Principal, site: ApiSite, settings: Settings) -> None:
    scheme = {"type": "apiKey", "in": "query", "name": "key"}
    document = small(site, components={"securitySchemes": {"s": scheme}}, security=[{"s": []}])
    imported(principal, document, credentials={"s": {"value": "very-secret"}})
    site.answers["/a"] = (200, {}, b"x" * 2_000)
    settings.SHANNON_HTTP_MAX_BYTES = 1_000
    too_large = call(principal, "api__x__do")
    settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = ""
    refused = call(principal, "api__x__do")
    assert (too_large.ok, refused.ok) == (False, False)
    kept = str(too_large) + str(refused) + str(list(JournalEntry.objects.values()))
    assert "very-secret" not in kept


def test_a_scheme_that_went_away_leaves_its_credentials_unused(principal: Principal, site: ApiSite) -> None:
    scheme = {"type": "apiKey", "in": "header", "name": "X-Key"}
    security: dict[str, Any] = {"components": {"securitySchemes": {"s": scheme}}, "security": [{"s": []}]}
    api = imported(principal, small(site, **security), credentials={"s": {"value": "v"}})
    for left in ({}, {"s": {"type": "http", "scheme": "basic"}}):
        changed = small(site, components={"securitySchemes": left}, security=[{"s": []}])
        openapi_api_change(principal=principal, api_id=api.id, changes=OpenApiChanges(document=changed))
        error = call(principal, "api__x__do").error
        assert error is not None
        assert error.code == "OPENAPI_CREDENTIALS_MISSING"
    assert site.asked == []


def test_trust_does_not_follow_a_name_to_another_operation(owner: Principal, site: ApiSite) -> None:
    api = imported(owner, small(site, "/a", "post"), operations_trusted=["do"])
    same = small(site, "/a", "post", info={"title": "t", "version": "2"})
    kept = openapi_api_change(principal=owner, api_id=api.id, changes=OpenApiChanges(document=same))
    assert kept.operations_trusted == ["do"]
    other = small(site, "/everything", "delete")
    changed = openapi_api_change(principal=owner, api_id=api.id, changes=OpenApiChanges(document=other))
    assert changed.operations_trusted == []
    assert tool_for("api__x__do", tenant_id=owner.tenant_id).dangerous is True


# Answers


def test_a_hostile_link_header_costs_nothing(principal: Principal, site: ApiSite) -> None:
    imported(principal, text_of("github"), server_url=site.url)
    link = "<" * 12_000 + "a>;" * 4_000
    site.answers["/repos/o/r/issues"] = (200, {"Content-Type": "application/json", "Link": link}, b"[]")
    assert call(principal, "api__x__issues_list_for_repo", owner="o", repo="r").output == {"status": 200, "body": []}


def test_what_comes_next_is_told_as_arguments(principal: Principal, site: ApiSite) -> None:
    imported(principal, text_of("github"), server_url=site.url)
    link = f'<{site.url}/repos/o/r/issues?state=open&page=3>; rel="next", <{site.url}/x?page=9>; rel="last"'
    site.answers["/repos/o/r/issues"] = (200, {"Content-Type": "application/json", "Link": link}, b"[]")
    result = call(principal, "api__x__issues_list_for_repo", owner="o", repo="r", state="open", page=2)
    assert result.output == {"status": 200, "body": [], "next_arguments": {"page": 3}}


@pytest.mark.parametrize("key", ["next_cursor", "nextPageToken", "next"])
def test_a_cursor_in_the_answer_is_the_next_argument(principal: Principal, site: ApiSite, key: str) -> None:
    parameters = [{"name": "cursor", "in": "query", "schema": {"type": "string"}}]
    imported(principal, small(site, operation={"parameters": parameters}))
    site.answers["/a"] = (200, {"Content-Type": "application/json"}, json.dumps({key: "abc"}).encode())
    output = call(principal, "api__x__do").output
    assert isinstance(output, dict)
    assert output["next_arguments"] == {"cursor": "abc"}


@pytest.mark.parametrize(
    ("answer", "output"),
    [
        ((204, {}, b""), {"status": 204}),
        ((200, {"Content-Type": "text/plain"}, b"hi"), {"status": 200, "text": "hi"}),
        ((200, {"Content-Type": "image/png"}, b"123"), {"status": 200, "media_type": "image/png", "bytes": 3}),
        ((200, {"Content-Type": "application/json"}, b"{broken"), {"status": 200, "text": "{broken"}),
        ((200, {"Content-Type": "application/json"}, b"[NaN]"), {"status": 200, "text": "[NaN]"}),
    ],
)
def test_answers_of_all_kinds(principal: Principal, site: ApiSite, answer: Any, output: dict[str, Any]) -> None:
    imported(principal, small(site))
    site.answers["/a"] = answer
    assert call(principal, "api__x__do").output == output


@pytest.mark.parametrize(("status", "final"), [(400, False), (403, True), (404, False), (429, False), (503, False)])
def test_an_error_is_told_with_what_the_api_said(principal: Principal, site: ApiSite, status: int, final: bool) -> None:
    imported(principal, small(site))
    site.answers["/a"] = (status, {"Content-Type": "application/json", "Retry-After": "7"}, b'{"why": "because"}')
    error = call(principal, "api__x__do").error
    assert error is not None
    assert (error.code, error.final) == ("API_ERROR", final)
    assert "because" in error.message
    assert error.details == {"status": status, "retry_after": "7"}


def test_private_addresses_are_refused(principal: Principal, site: ApiSite, settings: Settings) -> None:
    settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = ""
    with pytest.raises(OpenApiInvalid):
        openapi_api_create(principal=principal, name="y", changes=OpenApiChanges(url=f"{site.url}/openapi.json"))
    imported(principal, small(site))
    error = call(principal, "api__x__do").error
    assert error is not None
    assert error.code == "HTTP_REFUSED"
    assert site.asked == []


# Rows


def test_a_recorded_call_is_not_made_again(principal: Principal, site: ApiSite) -> None:
    imported(principal, small(site))
    ctx = step_of(principal)
    first = tool_call(ctx, Journal(ctx), "api__x__do", "{}")
    again = next_attempt(ctx)
    assert tool_call(again, Journal(again), "api__x__do", "{}") == first
    assert len(site.calls) == 1


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
