"""`Idempotency-Key` on what a tenant registers: the same request makes one thing, however often it is sent."""

import threading
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from agents.models import AgentRole, McpServer, OpenApi
from orchestration.models import IdempotencyRecord
from tests.integration.api.callers import Caller, error_of

JSON = "application/json"
DOCUMENT = (
    '{"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "servers": [{"url": "https://api.example.com"}],'
    ' "paths": {"/things": {"get": {"operationId": "things", "responses": {"200": {"description": "ok"}}}}}}'
)
KINDS: dict[str, tuple[str, dict[str, Any], Any]] = {
    "roles": ("/api/v1/roles", {"name": "auditor", "description": "Checks accounts."}, AgentRole),
    "mcp-servers": ("/api/v1/mcp-servers", {"name": "calc", "url": "http://127.0.0.1:9/mcp"}, McpServer),
    "openapi-apis": ("/api/v1/openapi-apis", {"name": "shop", "document": DOCUMENT}, OpenApi),
}
kinds = pytest.mark.parametrize("kind", KINDS)


def post(client: Client, kind: str, key: str | None, **values: Any) -> Any:
    url, body, _ = KINDS[kind]
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(url, body | values, JSON, headers=headers)


@pytest.fixture(autouse=True)
def _local_addresses(settings: Any) -> None:
    settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = "127.0.0.1:9"


@pytest.mark.django_db
@kinds
def test_a_repeated_request_gets_the_first_answer(caller: Caller, kind: str) -> None:
    first = post(caller.client, kind, "k-1")
    assert first.status_code == 201, first.content
    again = post(caller.client, kind, "k-1")
    assert (again.status_code, again.json()) == (201, first.json())
    assert KINDS[kind][2].objects.filter(tenant=caller.tenant).count() == 1


@pytest.mark.django_db
@kinds
def test_a_key_with_another_body_is_refused(caller: Caller, kind: str) -> None:
    post(caller.client, kind, "k-1")
    assert error_of(post(caller.client, kind, "k-1", name="other"), 422)["code"] == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.django_db
@kinds
def test_a_request_that_was_refused_keeps_no_key(caller: Caller, kind: str) -> None:
    error_of(post(caller.client, kind, "k-1", name="Not A Name"), 400)
    assert not IdempotencyRecord.objects.exists()
    assert post(caller.client, kind, "k-1").status_code == 201


@pytest.mark.django_db
@kinds
def test_without_a_key_a_second_one_is_a_conflict(caller: Caller, kind: str) -> None:
    assert post(caller.client, kind, None).status_code == 201
    error_of(post(caller.client, kind, None), 409)
    error_of(post(caller.client, kind, "k-2"), 409)


@pytest.mark.django_db
@kinds
def test_what_was_deleted_is_made_again(caller: Caller, kind: str) -> None:
    post(caller.client, kind, "k-1")
    KINDS[kind][2].objects.all().delete()
    assert post(caller.client, kind, "k-1").status_code == 201
    assert KINDS[kind][2].objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_request_waits_for_the_first_one_with_its_key(caller: Caller) -> None:
    answers: list[Any] = []
    barrier = threading.Barrier(4)

    def send() -> None:
        barrier.wait(60)
        answers.append(post(Client(headers={"X-API-Key": caller.key}), "roles", "k-1"))
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.content for answer in answers}) == 1
    assert AgentRole.objects.count() == 1
