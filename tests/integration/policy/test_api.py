"""Authentication and scopes at the HTTP edge."""

from typing import Any, ClassVar

import pytest
from django.test import RequestFactory
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from policy.api.authentication import principal_from_request
from policy.errors import ApiKeyMissing
from policy.models import AuditEntry, Tenant
from policy.services import api_key_issue
from policy.types import Principal

pytestmark = pytest.mark.django_db


class Things(APIView):
    required_scopes: ClassVar[dict[str, str]] = {"GET": "tasks:read", "POST": "tasks:write"}

    def get(self, request: Request) -> Response:
        assert isinstance(request.auth, Principal)
        return Response({"actor": request.auth.actor})

    def post(self, request: Request) -> Response:
        return Response({})

    def delete(self, request: Request) -> Response:
        return Response({})


class Undeclared(APIView):
    def get(self, request: Request) -> Response:
        return Response({})


class Open(APIView):
    authentication_classes = ()
    required_scopes = "public"

    def get(self, request: Request) -> Response:
        return Response({})


@pytest.fixture
def key(tenant: Tenant) -> str:
    return api_key_issue(tenant=tenant, name="reader", user_id="ada", scopes=["tasks:read"]).plaintext


def answer(view: type[APIView], method: str = "get", path: str = "/things", **headers: str) -> Any:
    request = getattr(APIRequestFactory(), method)(path, headers=headers)
    response = view.as_view()(request)
    return response.status_code, response.data


def test_a_key_is_taken_from_any_of_three_places(key: str) -> None:
    for headers in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}, {"Authorization": f"bearer {key}"}):
        assert answer(Things, **headers) == (200, {"actor": "key:reader"})
    assert answer(Things, path=f"/things?api_key={key}")[0] == 200


def test_a_key_in_the_query_string_is_not_taken_for_writing(key: str) -> None:
    status, body = answer(Things, "post", f"/things?api_key={key}")
    assert (status, body["error"]["code"]) == (401, "API_KEY_MISSING")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "API_KEY_MISSING"),
        ({"X-API-Key": "sk_wrong"}, "API_KEY_INVALID"),
        ({"Authorization": "Bearer sk_wrong"}, "API_KEY_INVALID"),
        ({"Authorization": "Basic abc"}, "API_KEY_MISSING"),
    ],
)
def test_a_bad_key_is_a_401_with_the_envelope(headers: dict[str, str], code: str) -> None:
    status, body = answer(Things, **headers)
    assert (status, body["error"]["code"]) == (401, code)


def test_a_missing_scope_is_a_403_that_names_it_and_is_recorded(key: str) -> None:
    status, body = answer(Things, "post", **{"X-API-Key": key})
    assert (status, body["error"]["code"]) == (403, "SCOPE_MISSING")
    assert body["error"]["details"] == {"required": "tasks:write", "held": ["tasks:read"]}
    entry = AuditEntry.objects.get(outcome="denied")
    assert (entry.rule, entry.actor, entry.resource["path"]) == ("SCOPE_MISSING", "key:reader", "/things")


@pytest.mark.parametrize(("view", "method"), [(Undeclared, "get"), (Things, "delete")])
def test_what_states_no_scope_is_denied_even_to_an_admin(tenant: Tenant, view: type[APIView], method: str) -> None:
    admin = api_key_issue(tenant=tenant, name="root", user_id="", scopes=["admin"]).plaintext
    assert answer(view, method, **{"X-API-Key": admin})[0] == 403


def test_a_method_that_a_view_does_not_have_is_a_405_and_no_refusal(key: str) -> None:
    for method in ("put", "patch"):
        assert answer(Things, method, **{"X-API-Key": key})[0] == 405
    assert answer(Undeclared, "delete", **{"X-API-Key": key})[0] == 405
    assert answer(Things, "put")[0] == 401
    assert not AuditEntry.objects.filter(outcome="denied").exists()


@pytest.mark.parametrize("method", ["head", "options"])
def test_head_and_options_need_a_scope_of_the_view(key: str, tenant: Tenant, method: str) -> None:
    other = api_key_issue(tenant=tenant, name="tools", user_id="", scopes=["tools:read"]).plaintext
    assert answer(Things, method, **{"X-API-Key": key})[0] == 200
    assert answer(Things, method, **{"X-API-Key": other})[0] == 403
    assert answer(Undeclared, method, **{"X-API-Key": other})[0] == 403


def test_options_is_answered_to_a_key_that_may_only_write(tenant: Tenant) -> None:
    writer = api_key_issue(tenant=tenant, name="writer", user_id="", scopes=["tasks:write"]).plaintext
    assert answer(Things, "options", **{"X-API-Key": writer})[0] == 200


def test_a_view_may_be_open_to_everyone_only_by_saying_so() -> None:
    assert answer(Open)[0] == 200


def test_a_plain_request_gives_its_principal(key: str, tenant: Tenant) -> None:
    principal = principal_from_request(RequestFactory().get(f"/?api_key={key}"))
    assert (principal.actor, principal.tenant_id) == ("key:reader", tenant.id)
    with pytest.raises(ApiKeyMissing):
        principal_from_request(RequestFactory().get("/"))
