"""How much may be asked: requests of a key and of a tenant, and a tenant's open tasks."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import redis
from django.conf import settings as django_settings
from pytest_django import Settings

from orchestration.api.mcp.mount import McpMount
from orchestration.models import Task
from orchestration.types import TaskStatus
from policy.models import Tenant
from policy.services import rate_limits, tenant_limits_set
from policy.types import TenantLimits
from tests.integration.api.callers import Caller, error_of

pytestmark = pytest.mark.django_db

TASKS = "/api/v1/tasks"


@pytest.fixture(autouse=True)
def _counting() -> Iterator[None]:
    rate_limits._away.__init__()  # type: ignore[misc]
    yield
    rate_limits._away.__init__()  # type: ignore[misc]


def test_every_answer_says_how_many_requests_may_follow(caller: Caller, settings: Settings) -> None:
    settings.SHANNON_RATE_LIMIT_KEY_PER_MINUTE = 50
    first, second = caller.client.get(TASKS), caller.client.get(f"{TASKS}/nothing")
    assert (first.status_code, second.status_code) == (200, 404)
    assert first["X-RateLimit-Limit"] == second["X-RateLimit-Limit"] == "50"
    assert int(first["X-RateLimit-Remaining"]) - int(second["X-RateLimit-Remaining"]) == 1
    assert int(first["X-RateLimit-Reset"]) > 1_700_000_000
    assert "X-RateLimit-Limit" not in caller.client.get("/health")


def test_a_key_that_asks_too_often_is_told_when_to_come_back(
    caller: Caller, caller_with: Callable[..., Caller], settings: Settings
) -> None:
    settings.SHANNON_RATE_LIMIT_KEY_PER_MINUTE = 3
    assert [caller.client.get(TASKS).status_code for _ in range(3)] == [200] * 3
    response = caller.client.get(TASKS)
    error = error_of(response, 429)
    assert error["code"] == "RATE_LIMITED"
    assert error["details"]["whose"] == "key"
    assert (error["details"]["limit"], response["X-RateLimit-Remaining"]) == (3, "0")
    assert int(response["Retry-After"]) == error["details"]["retry_after_seconds"] > 0
    assert caller_with("tasks:read").client.get(TASKS).status_code == 200, "another key of the tenant has its own"


def test_a_tenants_own_limit_counts_all_its_keys(
    caller: Caller, stranger: Caller, caller_with: Callable[..., Caller]
) -> None:
    tenant_limits_set(tenant=caller.tenant, limits=TenantLimits(requests_per_minute=2))
    assert [keys.client.get(TASKS).status_code for keys in (caller, caller_with("tasks:read"))] == [200, 200]
    error = error_of(caller.client.get(TASKS), 429)
    assert error["details"]["whose"] == "tenant"
    assert stranger.client.get(TASKS).status_code == 200


def test_no_limit_means_no_counting(caller: Caller, settings: Settings) -> None:
    settings.SHANNON_RATE_LIMIT_KEY_PER_MINUTE = 0
    tenant_limits_set(tenant=caller.tenant, limits=TenantLimits(requests_per_minute=0))
    response = caller.client.get(TASKS)
    assert response.status_code == 200
    assert "X-RateLimit-Limit" not in response


def test_requests_pass_uncounted_while_valkey_is_away(
    caller: Caller, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.SHANNON_RATE_LIMIT_KEY_PER_MINUTE = 1
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    rate_limits._script.cache_clear()
    try:
        responses = [caller.client.get(TASKS) for _ in range(3)]
    finally:
        settings.CELERY_BROKER_URL = django_settings.CELERY_BROKER_URL
        rate_limits._script.cache_clear()
    assert [response.status_code for response in responses] == [200] * 3
    assert not any("X-RateLimit-Limit" in response for response in responses)
    assert len([record for record in caplog.records if "requests_not_counted" in str(record.msg)]) == 1


def test_what_is_counted_does_not_stay_for_ever(caller: Caller) -> None:
    assert caller.client.get(TASKS).status_code == 200
    client = redis.Redis.from_url(django_settings.CELERY_BROKER_URL)
    keys = list(client.scan_iter(f"shannon:rate:key:{caller.principal.api_key_id}:*"))
    assert len(keys) == 1
    assert 0 < int(client.ttl(keys[0])) <= 120


def submit(caller: Caller, **headers: str) -> Any:
    body = {"query": "What is 2 + 2?"}
    return caller.client.post(TASKS, body, content_type="application/json", headers=headers)


def test_a_full_queue_refuses_and_keeps_all_that_it_accepted(caller: Caller, stranger: Caller) -> None:
    tenant_limits_set(tenant=caller.tenant, limits=TenantLimits(max_open_tasks=2))
    assert [submit(caller, **{"Idempotency-Key": key}).status_code for key in "ab"] == [200, 200]
    response = submit(caller, **{"Idempotency-Key": "c"})
    error = error_of(response, 429)
    assert error["code"] == "QUEUE_FULL"
    assert (error["details"]["limit"], error["details"]["open_tasks"]) == (2, 2)
    assert response["Retry-After"] == "5"
    assert submit(caller, **{"Idempotency-Key": "a"}).status_code == 200, "an accepted one is answered again"
    assert submit(stranger).status_code == 200
    assert Task.objects.filter(tenant=caller.tenant, status=TaskStatus.RUNNING).count() == 2
    Task.objects.filter(tenant=caller.tenant).update(status=TaskStatus.COMPLETED)
    assert submit(caller, **{"Idempotency-Key": "c"}).status_code == 200, "what was refused is not remembered"


def test_a_direct_tool_call_needs_a_place_in_the_queue_too(caller: Caller) -> None:
    tenant_limits_set(tenant=Tenant.objects.get(id=caller.tenant.id), limits=TenantLimits(max_open_tasks=0))
    body = {"arguments": {"expression": "1"}}
    response = caller.client.post("/api/v1/tools/calculator/execute", body, content_type="application/json")
    assert error_of(response, 429)["code"] == "QUEUE_FULL"


class PlainServer:
    """Answers every request alike."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"served"})


@pytest.mark.django_db(transaction=True)
async def test_requests_to_the_mcp_server_count_too(caller: Caller, settings: Settings) -> None:
    settings.SHANNON_RATE_LIMIT_KEY_PER_MINUTE = 1
    mount: Any = McpMount(None, f"{__name__}.PlainServer")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=mount), base_url="http://testserver") as client:
        first = await client.post("/mcp", headers={"X-API-Key": caller.key})
        second = await client.post("/mcp", headers={"X-API-Key": caller.key})
    assert (first.status_code, first.text, first.headers["X-RateLimit-Remaining"]) == (200, "served", "0")
    assert (second.status_code, second.json()["error"]["code"]) == (429, "RATE_LIMITED")
    assert int(second.headers["Retry-After"]) > 0
