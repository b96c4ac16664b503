"""Tenants with keys, clients that speak for them, and what a refusal must look like."""

from dataclasses import dataclass
from typing import Any

from django.test import Client

from orchestration.models import Task
from orchestration.services import task_submit
from orchestration.types import TaskRequest
from policy.models import Tenant
from policy.services import api_key_issue, principal_authenticate, tenant_seed
from policy.types import SCOPES, Principal

ALL_SCOPES = sorted(set(SCOPES) - {"admin"})


@dataclass(frozen=True)
class Caller:
    """A tenant's key and a client that sends it."""

    tenant: Tenant
    key: str
    principal: Principal
    client: Client

    def submit(self, query: str = "What is 2 + 2?", **values: Any) -> Task:
        """Submit a task through the service."""
        return task_submit(principal=self.principal, request=TaskRequest(query=query, **values)).task


def caller_of(slug: str, scopes: list[str]) -> Caller:
    """Make a tenant if it is missing, and a key of it."""
    tenant = tenant_seed(slug=slug, name=slug.title())
    key = api_key_issue(tenant=tenant, name="tests", user_id=f"{slug}-user", scopes=scopes).plaintext
    return Caller(tenant, key, principal_authenticate(api_key=key), Client(headers={"X-API-Key": key}))


def error_of(response: Any, status: int) -> dict[str, Any]:
    """Return the error of a refused request, after checking the envelope."""
    assert response.status_code == status, response.content
    body = response.json()
    assert set(body) == {"error"}
    error: dict[str, Any] = body["error"]
    assert set(error) == {"code", "message", "details", "request_id"}
    assert error["code"]
    assert error["message"]
    assert error["request_id"] == response["X-Request-ID"]
    return error
