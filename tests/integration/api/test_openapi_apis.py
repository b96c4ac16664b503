"""Importing APIs over HTTP."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from agents.models import OpenApi
from tests.integration.agents.openapi.sites import ApiSite, api_site
from tests.integration.api.callers import Caller, error_of

pytestmark = pytest.mark.django_db
URL = "/api/v1/openapi-apis"
PETSTORE = (Path(__file__).parent.parent / "agents" / "openapi" / "documents" / "petstore.yaml").read_text()


@pytest.fixture
def site(settings: Any) -> Iterator[ApiSite]:
    with api_site() as running:
        settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = running.endpoint
        running.answers["/openapi.json"] = (200, {"Content-Type": "application/yaml"}, PETSTORE.encode())
        yield running


def register(caller: Caller, site: ApiSite, **more: Any) -> Any:
    credentials = {"api_key": {"value": "very-secret"}}
    body = {"name": "pets", "url": f"{site.url}/openapi.json", "credentials": credentials, **more}
    return caller.client.post(URL, body, content_type="application/json")


def test_an_api_is_imported_listed_changed_fetched_again_and_deleted(caller: Caller, site: ApiSite) -> None:
    made = register(caller, site, tags=["store"])
    assert made.status_code == 201, made.content
    api = made.json()
    assert (api["title"], api["has_credentials"], api["credential_origins"]) == ("Swagger Petstore", True, [site.url])
    assert (api["report"]["operations"], api["report"]["imported"], api["report"]["filtered"]) == (9, 1, 8)
    assert [tool["tool"] for tool in api["tools"]] == ["api__pets__getInventory"]
    one = f"{URL}/{api['id']}"
    assert [row["name"] for row in caller.client.get(URL).json()["apis"]] == ["pets"]
    tools = {tool["name"] for tool in caller.client.get("/api/v1/tools", {"category": "openapi"}).json()["tools"]}
    assert tools == {"api__pets__getInventory"}
    changed = caller.client.patch(one, {"operations": ["getPetById"]}, content_type="application/json").json()
    assert [tool["operation"] for tool in changed["tools"]] == ["getPetById", "getInventory"]
    assert caller.client.post(f"{one}/refresh").json()["version"] == "1.0.27"
    assert caller.client.delete(one).status_code == 204
    error_of(caller.client.get(one), 404)


def test_credentials_are_never_shown(caller: Caller, site: ApiSite) -> None:
    made = register(caller, site)
    assert b"very-secret" not in made.content + caller.client.get(URL).content
    assert "very-secret" not in OpenApi.objects.get().encrypted_credentials


def test_an_api_is_its_tenants(caller: Caller, stranger: Caller, site: ApiSite) -> None:
    one = f"{URL}/{register(caller, site).json()['id']}"
    assert stranger.client.get(URL).json() == {"apis": []}
    error_of(stranger.client.get(one), 404)
    error_of(stranger.client.patch(one, {"is_active": False}, content_type="application/json"), 404)
    error_of(stranger.client.post(f"{one}/refresh"), 404)
    error_of(stranger.client.delete(one), 404)
    assert OpenApi.objects.get().is_active


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "Pets", "document": PETSTORE}, "OPENAPI_INVALID"),
        ({"name": "pets"}, "OPENAPI_INVALID"),
        ({"name": "pets", "document": PETSTORE, "url": "https://a.example"}, "OPENAPI_INVALID"),
        ({"name": "pets", "url": "ftp://a.example/"}, "OPENAPI_INVALID"),
        ({"name": "pets", "document": "nonsense"}, "OPENAPI_INVALID"),
        ({"name": "pets", "document": PETSTORE, "server_url": "http://10.0.0.1:22"}, "OPENAPI_INVALID"),
        ({"name": "pets", "document": PETSTORE, "colour": "red"}, "INVALID_INPUT"),
        ({"name": "pets", "document": PETSTORE, "credentials": {"api_key": {"value": 1}}}, "INVALID_INPUT"),
        ({"name": "pets", "document": PETSTORE, "timeout_seconds": 0}, "INVALID_INPUT"),
    ],
)
def test_a_body_that_is_not_fit_is_refused(caller: Caller, body: dict[str, Any], code: str) -> None:
    response = caller.client.post(URL, json.dumps(body), content_type="application/json")
    assert error_of(response, 400)["code"] == code


def test_a_name_is_taken_once(caller: Caller, site: ApiSite) -> None:
    register(caller, site)
    assert error_of(register(caller, site), 409)["code"] == "OPENAPI_EXISTS"


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_an_unknown_id_is_not_found(caller: Caller, method: str) -> None:
    for name in (str(uuid4()), "nonsense"):
        response = getattr(caller.client, method)(f"{URL}/{name}", content_type="application/json")
        assert error_of(response, 404)["code"] == "OPENAPI_NOT_FOUND"


def test_importing_needs_its_scope(caller_with: Callable[..., Caller], site: ApiSite) -> None:
    reader = caller_with("tools:read")
    assert reader.client.get(URL).status_code == 200
    error_of(register(reader, site), 403)
    assert site.asked == []


def test_trusting_operations_needs_the_scope_of_dangerous_tools(
    caller_with: Callable[..., Caller], site: ApiSite
) -> None:
    writer = caller_with("tools:read", "tools:write")
    error_of(register(writer, site, operations_trusted=["addPet"]), 403)
