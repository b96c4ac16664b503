"""Credentials of imported APIs: where they go, and where they never do."""

import base64
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pytest_django.fixtures import Settings

from agents.errors import OpenApiInvalid
from agents.journal import Journal
from agents.models import JournalEntry, OpenApi
from agents.services import (
    OpenApiChanges,
    openapi_api_change,
    openapi_api_create,
    openapi_api_refresh,
    tool_call,
)
from agents.tools.openapi.source import OpenApiSource
from policy.types import Principal
from tests.integration.agents.openapi.apis import call, imported, site, small
from tests.integration.agents.openapi.sites import ApiSite, api_site
from tests.integration.agents.steps import engine_of, step_of
from tests.logs import logged

__all__ = ["site"]  # the fixtures


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


def test_an_api_whose_credentials_cannot_be_read_any_more_offers_nothing_and_the_log_says_so(
    principal: Principal, site: ApiSite, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    scheme = {"type": "apiKey", "in": "header", "name": "X-Key"}
    document = small(site, components={"securitySchemes": {"s": scheme}}, security=[{"s": []}])
    imported(principal, document, credentials={"s": {"value": "v"}})
    assert list(OpenApiSource().tools(principal.tenant_id)) == ["api__x__do"]
    settings.SHANNON_ENCRYPTION_KEYS = (Fernet.generate_key().decode(),)
    assert OpenApiSource().tools(principal.tenant_id) == {}
    (entry,) = logged(caplog, "agents.tools.openapi.source")
    assert (entry["event"], entry["api"], entry["tenant_id"]) == (
        "credentials_unreadable",
        "x",
        str(principal.tenant_id),
    )
