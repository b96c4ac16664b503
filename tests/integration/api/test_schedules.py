"""Schedules over HTTP: the official client's eight methods, scopes, limits, other tenants."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.db.models.functions import Now
from pytest_django import Settings
from shannon import AsyncShannonClient, errors

from orchestration.models import Schedule, Task
from orchestration.schedules.firing import fire
from shannon_project.asgi import application
from tests.integration.api.callers import Caller, error_of

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/v1/schedules"
BODY = {"name": "Sums", "cron_expression": "0 9 * * 1-5", "task_query": "What is 2 + 2?"}


@pytest.fixture
async def client(caller: Caller) -> AsyncIterator[AsyncShannonClient]:
    """A client whose requests do not leave the process."""
    client = AsyncShannonClient(base_url="http://testserver", api_key=caller.key)
    transport = httpx.ASGITransport(app=application)
    client._http_client = httpx.AsyncClient(transport=transport)
    yield client
    await client.close()


def create(caller: Caller, **values: Any) -> Any:
    headers = values.pop("headers", {})
    return caller.client.post(URL, {**BODY, **values}, content_type="application/json", headers=headers)


async def test_the_official_clients_eight_methods(client: AsyncShannonClient) -> None:
    created = await client.create_schedule(
        "Sums",
        "0 9 * * 1-5",
        "What is 2 + 2?",
        description="Every working day",
        timezone="Europe/Berlin",
        task_context={"system_prompt": "Be brief."},
        max_budget_per_run_usd=0.5,
        timeout_seconds=600,
    )
    schedule_id = created["schedule_id"]
    assert created["next_run_at"]
    schedule = await client.get_schedule(schedule_id)
    assert (schedule.name, schedule.status, schedule.timezone) == ("Sums", "ACTIVE", "Europe/Berlin")
    assert (schedule.max_budget_per_run_usd, schedule.timeout_seconds) == (0.5, 600)
    assert (schedule.task_context, schedule.user_id) == ({"system_prompt": "Be brief."}, "ours-user")
    changed = await client.update_schedule(schedule_id, name="More sums", clear_task_context=True)
    assert (changed["name"], changed["task_context"], changed["timezone"]) == ("More sums", {}, "Europe/Berlin")
    await Schedule.objects.filter(id=schedule_id).aupdate(next_run_at=Now() - timedelta(seconds=1))
    assert await sync_to_async(fire)(schedule.schedule_id)
    await Task.objects.filter(schedule_id=schedule_id).aupdate(status="COMPLETED", result="4", prompt_tokens=7)
    runs, count = await client.get_schedule_runs(schedule_id)
    assert (count, runs[0].status, runs[0].result, runs[0].total_tokens) == (1, "COMPLETED", "4", 7)
    assert runs[0].workflow_id == str((await Task.objects.aget(schedule_id=schedule_id)).id)
    listed, total = await client.list_schedules(status="ACTIVE")
    assert (total, listed[0].schedule_id, listed[0].total_runs, listed[0].successful_runs) == (1, schedule_id, 1, 1)
    assert await client.pause_schedule(schedule_id, reason="holidays")
    paused = await client.get_schedule(schedule_id)
    assert (paused.status, paused.pause_reason, paused.next_run_at) == ("PAUSED", "holidays", None)
    assert paused.paused_at is not None
    assert (await client.list_schedules(status="ACTIVE"))[1] == 0
    assert await client.resume_schedule(schedule_id)
    assert (await client.get_schedule(schedule_id)).next_run_at is not None
    assert await client.delete_schedule(schedule_id)
    with pytest.raises(errors.ShannonError):
        await client.get_schedule(schedule_id)
    with pytest.raises(errors.ValidationError, match="five fields"):
        await client.create_schedule("Sums", "whenever", "What is 2 + 2?")


def test_a_task_of_a_schedule_says_so(caller: Caller) -> None:
    schedule_id = create(caller).json()["schedule_id"]
    Schedule.objects.update(next_run_at=Now() - timedelta(seconds=1))
    fire(Schedule.objects.get().id)
    task = Task.objects.get()
    metadata = caller.client.get(f"/api/v1/tasks/{task.id}").json()["metadata"]
    assert (metadata["trigger_type"], metadata["schedule_id"]) == ("schedule", schedule_id)
    mine = caller.submit()
    assert caller.client.get(f"/api/v1/tasks/{mine.id}").json()["metadata"]["trigger_type"] == "api"


def test_another_tenants_schedule_is_not_there(caller: Caller, stranger: Caller) -> None:
    url = f"{URL}/{create(caller).json()['schedule_id']}"
    as_json = "application/json"
    for response in (
        stranger.client.get(url),
        stranger.client.get(f"{url}/runs"),
        stranger.client.put(url, {"name": "Mine"}, content_type=as_json),
        stranger.client.post(f"{url}/pause", {}, content_type=as_json),
        stranger.client.post(f"{url}/resume", {}, content_type=as_json),
        stranger.client.delete(url),
    ):
        assert error_of(response, 404)["code"] == "SCHEDULE_NOT_FOUND"
    assert stranger.client.get(URL).json() == {"schedules": [], "total_count": 0}
    assert Schedule.objects.get().status == "ACTIVE"


def test_whoever_changes_a_schedule_is_whom_it_runs_for(caller: Caller, caller_with: Callable[..., Caller]) -> None:
    schedule_id = create(caller).json()["schedule_id"]
    changer = caller_with("schedules:write")
    body = {"task_query": "What is 3 + 3?"}
    assert changer.client.put(f"{URL}/{schedule_id}", body, content_type="application/json").status_code == 200
    assert Schedule.objects.get(id=schedule_id).principal["scopes"] == ["schedules:write"]


def test_scopes(caller_with: Callable[..., Caller]) -> None:
    assert error_of(create(caller_with("schedules:read")), 403)["code"] == "SCOPE_MISSING"
    assert create(caller_with("schedules:write")).status_code == 201
    assert error_of(caller_with("tasks:read").client.get(URL), 403)["code"] == "SCOPE_MISSING"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"cron_expression": "* * * * *"}, "at least 300 s"),
        ({"timezone": "Mars/Olympus"}, "no time zone"),
        ({"max_budget_per_run_usd": 0}, "max_budget_per_run_usd"),
        ({"max_budget_per_run_usd": 1000}, "at most 20"),
        ({"max_budget_per_run_usd": 1e300}, "max_budget_per_run_usd"),
        ({"max_budget_per_run_usd": 10**400}, "max_budget_per_run_usd"),
        ({"timeout_seconds": 999_999}, "timeout_seconds"),
        ({"overlap_policy": "never"}, "skip, queue, allow"),
        ({"task_context": {"force_p2p": True}}, "force_p2p"),
        ({"task_context": {"mode": "no-such-mode"}}, "no-such-mode"),
        ({"task_context": {"provider_override": "openai"}}, "provider_override"),
        ({"task_context": {"require_review": "yes"}}, "require_review"),
        ({"interval": 5}, "Unknown field: interval"),
        ({"task_query": " "}, "task_query"),
    ],
)
def test_what_cannot_be_done_is_refused_and_says_what_to_change(caller: Caller, values: Any, says: str) -> None:
    assert says in error_of(create(caller, **values), 400)["message"]
    assert Schedule.objects.count() == 0


def test_a_tenant_has_so_many_schedules(caller: Caller, stranger: Caller, settings: Settings) -> None:
    settings.SHANNON_SCHEDULES_MAX = 1
    assert create(caller).status_code == 201
    assert error_of(create(caller), 409)["code"] == "SCHEDULE_LIMIT_REACHED"
    assert create(stranger).status_code == 201


def test_the_same_key_makes_one_schedule(caller: Caller) -> None:
    key = {"Idempotency-Key": "k"}
    first, again = create(caller, headers=key).json(), create(caller, headers=key).json()
    assert first["schedule_id"] == again["schedule_id"]
    assert error_of(create(caller, headers=key, name="Other"), 422)["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert Schedule.objects.count() == 1
