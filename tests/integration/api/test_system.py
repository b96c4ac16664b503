"""Health, readiness, metrics, the OpenAPI document, the documentation page, and who the caller is."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from tests.integration.api.callers import Caller, error_of


def test_health_asks_nobody() -> None:
    response = Client().get("/health")
    assert (response.status_code, response.json()["status"]) == (200, "healthy")


@pytest.mark.django_db
def test_readiness_names_every_part() -> None:
    response = Client().get("/readiness")
    assert (response.status_code, response.json()["status"]) == (200, "ready")
    assert response.json()["checks"] == {"database": "ok", "migrations": "ok", "broker": "ok"}


@pytest.mark.django_db
def test_readiness_is_degraded_and_not_refused_when_the_broker_is_away(settings: Settings) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    response = Client().get("/readiness")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    checks = response.json()["checks"]
    assert checks["database"] == "ok"
    assert checks["broker"].startswith("does not answer")


@pytest.mark.django_db
def test_the_openapi_document_describes_every_route_and_needs_no_key() -> None:
    document = Client().get("/openapi.json")
    assert document["Content-Type"] == "application/json"
    paths = document.json()["paths"]
    assert {"get", "post"} <= set(paths["/api/v1/tasks"])
    for path in ("/api/v1/stream/sse", "/api/v1/tools/{name}/execute", "/api/v1/sessions/{session_id}/files/{path}"):
        assert path in paths
    schemes = document.json()["components"]["securitySchemes"]
    assert {scheme["type"] for scheme in schemes.values()} == {"apiKey", "http"}


def test_nothing_in_the_openapi_document_had_to_be_guessed(tmp_path: Path) -> None:
    """The command fails on whatever the library warns of: fields of unknown form, two schemas of one name."""
    call_command("spectacular", file=str(tmp_path / "openapi.yaml"), fail_on_warn=True, validate=True)


@pytest.mark.django_db
def test_the_documentation_page_loads_nothing_from_elsewhere() -> None:
    response = Client().get("/docs")
    page = response.content.decode()
    assert response.status_code == 200
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert "script-src 'self'" in response["Content-Security-Policy"]
    script = next(line.split('"')[1] for line in page.splitlines() if "swagger-ui-bundle.js" in line)
    assert Client().get(script).status_code == 200


@pytest.mark.django_db
def test_metrics_are_open_to_allowed_networks_only(settings: Settings) -> None:
    response = Client(REMOTE_ADDR="127.0.0.1").get("/metrics")
    assert response.status_code == 200
    assert b"django_http_requests" in response.content
    error_of(Client(REMOTE_ADDR="203.0.113.5").get("/metrics"), 401)


@pytest.mark.django_db
@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded"])
def test_a_proxy_on_this_machine_opens_the_metrics_to_nobody(header: str) -> None:
    error_of(Client(REMOTE_ADDR="127.0.0.1", headers={header: "203.0.113.5"}).get("/metrics"), 401)


def test_a_key_with_scope_admin_may_read_metrics_from_anywhere(caller_with: Callable[..., Caller]) -> None:
    def status(*scopes: str) -> int:
        headers = {"X-API-Key": caller_with(*scopes).key}
        return Client(REMOTE_ADDR="203.0.113.5", headers=headers).get("/metrics").status_code

    assert status("admin") == 200
    assert status("tasks:read") == 403


def test_any_key_may_ask_who_it_is(caller_with: Callable[..., Caller]) -> None:
    someone = caller_with("tools:read")
    body = someone.client.get("/api/v1/auth/me").json()
    assert (body["tenant_id"], body["user_id"]) == (str(someone.tenant.id), "ours-user")
    assert body["scopes"] == ["tools:read"]
    error_of(Client().get("/api/v1/auth/me"), 401)


@pytest.mark.django_db
def test_a_page_that_does_not_exist_answers_with_the_envelope() -> None:
    assert error_of(Client().get("/api/v1/nothing"), 404)["code"] == "NOT_FOUND"
