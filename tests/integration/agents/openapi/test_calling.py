"""Calling the operations of an imported API: a real server on this machine sees what arrives."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from agents.journal import Journal
from agents.selectors import tool_for, tool_infos
from agents.services import (
    OpenApiChanges,
    openapi_api_change,
    tool_call,
)
from policy.types import Principal
from sandbox.services import workspace_open
from tests.integration.agents.openapi.apis import call, imported, owner, site, small, text_of
from tests.integration.agents.openapi.sites import ApiSite
from tests.integration.agents.steps import next_attempt, step_of

__all__ = ["owner", "site"]  # the fixtures


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


def test_a_hostile_link_header_costs_nothing(principal: Principal, site: ApiSite) -> None:
    imported(principal, text_of("github"), server_url=site.url)
    link = "<" * 12_000 + "a>;" * 4_000
    site.answers["/repos/o/r/issues"] = (200, {"Content-Type": "application/json", "Link": link}, b"[]")
    assert call(principal, "api__x__issues_list_for_repo", owner="o", repo="r").output == {"status": 200, "body": []}


@pytest.mark.parametrize(
    ("link", "following"),
    [
        ("<http://[x?page=2>; rel=next", {"page": 2}),
        ("<?page=%C2%B2>; rel=next", {"page": "²"}),
        (f"<?page={'9' * 5_000}>; rel=next", {"page": "9" * 5_000}),
        ("<#?page=2>; rel=next", None),
    ],
    ids=["an address that is none", "a digit that is no number", "a number without end", "only a fragment"],
)
def test_a_link_of_any_kind_is_no_defect_of_the_tool(
    principal: Principal, site: ApiSite, link: str, following: dict[str, Any] | None
) -> None:
    imported(principal, text_of("github"), server_url=site.url)
    site.answers["/repos/o/r/issues"] = (200, {"Content-Type": "application/json", "Link": link}, b"[]")
    output = call(principal, "api__x__issues_list_for_repo", owner="o", repo="r").output
    assert isinstance(output, dict)
    assert output.get("next_arguments") == following


def test_a_header_that_cannot_be_sent_is_told_to_the_model(principal: Principal, site: ApiSite) -> None:
    parameters = [{"name": "X-Trace", "in": "header", "schema": {"type": "string"}}]
    imported(principal, small(site, operation={"parameters": parameters}))
    for value in ("Grüße", "a\x00b"):
        error = call(principal, "api__x__do", **{"X-Trace": value}).error
        assert error is not None
        assert (error.code, error.final) == ("TOOL_INPUT_INVALID", False)
    assert site.calls == []


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
        ((200, {"Content-Type": "application/json"}, b"[1e999]"), {"status": 200, "text": "[1e999]"}),
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


def test_a_recorded_call_is_not_made_again(principal: Principal, site: ApiSite) -> None:
    imported(principal, small(site))
    ctx = step_of(principal)
    first = tool_call(ctx, Journal(ctx), "api__x__do", "{}")
    again = next_attempt(ctx)
    assert tool_call(again, Journal(again), "api__x__do", "{}") == first
    assert len(site.calls) == 1


def stating(site: ApiSite, schema: dict[str, Any]) -> str:
    content = {"application/json": {"schema": schema}}
    return small(site, operation={"responses": {"200": {"description": "", "content": content}}})


def test_what_an_operation_gives_back_is_told_and_compared(principal: Principal, site: ApiSite) -> None:
    imported(principal, stating(site, {"type": "object", "properties": {"ok": {"type": "boolean"}}}))
    (info,) = [one for one in tool_infos(tenant_id=principal.tenant_id) if one.name == "api__x__do"]
    assert info.returns["properties"]["body"]["properties"] == {"ok": {"type": "boolean"}}
    assert call(principal, "api__x__do").output == {"status": 200, "body": {"ok": True}}


def test_a_body_that_is_not_as_the_document_says_is_given_with_what_is_wrong(
    principal: Principal, site: ApiSite
) -> None:
    imported(principal, stating(site, {"type": "object", "properties": {"ok": {"type": "string"}}}))
    output = call(principal, "api__x__do").output
    assert isinstance(output, dict)
    assert output["body"] == {"ok": True}
    assert "body.ok: True is not of type 'string'" in output["problem"]
