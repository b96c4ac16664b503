"""The start page, its status, and the live view of a run."""

from html import unescape
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.test import AsyncClient, Client
from pytest_django import Settings

from orchestration.control import task_cancel
from orchestration.models import Step, Task
from orchestration.strategies import OFFERED
from tests.integration.api.callers import Caller

HOSTILE = "<script>alert('x')</script>"


@pytest.fixture
def staff(db: None) -> Client:
    """A signed-in member of staff."""
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="a-long-password-1"))
    return client


def test_the_start_page_links_to_everything(settings: Settings) -> None:
    settings.SHANNON_FLOWER_URL = "http://flower.example/"
    response = Client().get("/")
    page = response.content.decode()
    for address in ("/admin/", "/docs", "/openapi.json", "/metrics", "/health", "/readiness", "http://flower.example/"):
        assert f'href="{address}"' in page


def test_pages_run_and_load_only_what_this_server_sends(staff: Client, caller: Caller) -> None:
    for client, path in ((Client(), "/"), (staff, f"/console/tasks/{caller.submit().id}")):
        response = client.get(path)
        policy = response["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        page = response.content.decode()
        assert "<script>" not in page
        assert "style=" not in page
        assert 'src="http' not in page


@pytest.mark.django_db
def test_the_status_tells_of_every_part_and_that_no_worker_answers() -> None:
    said = Client().get("/console/status").json()
    assert {said[part] for part in ("database", "migrations", "broker")} == {"ok"}
    assert said["workers"].startswith("none answered")


def test_every_strategy_is_shown_with_all_that_its_schema_says(staff: Client) -> None:
    page = unescape(staff.get("/console/strategies").content.decode())
    for name, strategy in OFFERED.items():
        section = page.partition(f'id="{name}"')[2].partition("</section>")[0]
        assert strategy.summary in section
        for parameter, schema in strategy.parameters.model_json_schema()["properties"].items():
            assert parameter == "tiers" or schema["description"] in section, (name, parameter)
        assert all(f"{part}: {tier or 'as the role'}" in section for part, tier in strategy.parts.items())
    assert "1 to 50" in page.partition('id="react"')[2].partition("</section>")[0]
    assert Client().get("/console/strategies").status_code == 302


def test_the_state_of_a_research_run_has_its_sources_and_claims(staff: Client, caller: Caller) -> None:
    task = caller.submit()
    found = {"citations": [{"number": 1, "url": "https://example.org/a", "title": "A"}], "claims": [], "question": "?"}
    Task.objects.filter(id=task.id).update(result_metadata=found)
    state = staff.get(f"/console/tasks/{task.id}/state").json()
    assert state["metadata"] == {"citations": found["citations"], "claims": []}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["", "/state"])
def test_a_run_is_for_staff_only(caller: Caller, path: str) -> None:
    response = Client().get(f"/console/tasks/{caller.submit().id}{path}")
    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")
    assert caller.client.get(f"/console/tasks/{caller.submit().id}{path}").status_code == 302  # a key is not a login


def test_the_page_of_a_run_shows_hostile_text_as_text(staff: Client, caller: Caller) -> None:
    page = staff.get(f"/console/tasks/{caller.submit(HOSTILE).id}").content.decode()
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


def test_the_state_of_a_run_has_its_steps(staff: Client, caller: Caller) -> None:
    task = caller.submit()
    Step.objects.create(
        task=task, key="s1", position=0, kind="agent", title="One", status="failed", error={"message": "no"}
    )
    state = staff.get(f"/console/tasks/{task.id}/state").json()
    assert (state["status"], state["result"], state["error"]) == ("QUEUED", None, "")
    assert [(step["key"], step["status"], step["error"]) for step in state["steps"]] == [("s1", "failed", "no")]


async def stream(client: AsyncClient, task: Task, **headers: str) -> Any:
    """Ask for the stream of a run."""
    return await client.get(f"/console/tasks/{task.id}/stream", headers=headers)


@pytest.mark.django_db(transaction=True)
async def test_staff_follows_a_run_by_its_session(caller: Caller) -> None:
    task: Task = await sync_to_async(caller.submit)()
    await sync_to_async(task_cancel)(principal=caller.principal, task_id=task.id, reason="")
    client = AsyncClient()
    assert (await stream(client, task)).status_code == 404
    user = await sync_to_async(User.objects.create_user)("reader", password="a-long-password-1")
    await client.aforce_login(user)
    assert (await stream(client, task)).status_code == 404
    await User.objects.filter(username="reader").aupdate(is_staff=True)
    assert (await stream(client, task)).status_code == 404  # staff that may not see tasks
    await User.objects.filter(username="reader").aupdate(is_superuser=True)
    response = await stream(client, task)
    text = b"".join([chunk async for chunk in response.streaming_content]).decode()
    assert "event: WORKFLOW_STARTED\n" in text
    assert text.endswith("data: [DONE]\n\n")
    assert (await stream(client, task, **{"Last-Event-ID": "x"})).status_code == 400
