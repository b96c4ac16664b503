"""Skills over HTTP, and tasks that name one."""

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from shannon import AsyncShannonClient

from agents.selectors import skill_for
from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.models import Event, Task
from tests.integration.api.callers import Caller, error_of
from tests.integration.api.test_official_client import client

__all__ = ["client"]  # the fixture
pytestmark = pytest.mark.django_db(transaction=True)


def submit(caller: Caller, **body: Any) -> Any:
    return caller.client.post("/api/v1/tasks", {"query": "What is 6 * 7?", **body}, content_type="application/json")


async def test_the_official_client_lists_and_reads_skills(client: AsyncShannonClient) -> None:
    names = {skill.name for skill in await client.list_skills(category="development")}
    assert names == {"code-review", "debugging"}
    skill = await client.get_skill("code-review")
    expected = await sync_to_async(skill_for)("code-review")
    assert (skill.content, skill.requires_role) == (expected.content, "critic")
    assert [version.version for version in await client.get_skill_versions("code-review")] == ["1.0.0"]


def test_a_skill_that_is_not_there_is_a_404(caller: Caller) -> None:
    assert error_of(caller.client.get("/api/v1/skills/nope"), 404)["code"] == "SKILL_NOT_FOUND"
    assert error_of(submit(caller, skill="nope"), 404)["code"] == "SKILL_NOT_FOUND"


def test_listing_needs_its_scope(caller_with: Callable[..., Caller]) -> None:
    error_of(caller_with("tasks:read").client.get("/api/v1/skills"), 403)


@pytest.mark.parametrize("body", [{"skill": "data-analysis"}, {"context": {"skill": "data-analysis@1.1.0"}}])
def test_a_tasks_agents_work_as_its_skill_says(caller: Caller, body: dict[str, Any]) -> None:
    task_id = submit(caller, mode="simple", **body).json()["task_id"]
    task = Task.objects.get(id=task_id)
    assert task.parameters["skill"]["name"] == "data-analysis"
    assert task.parameters["role"] == "analyst"
    task_advance(task.id)
    drain(task.id, first=None)
    prompt = str(list(Event.objects.filter(task=task, kind="LLM_PROMPT").values_list("payload", flat=True)))
    assert "Way of working: data-analysis" in prompt or "data-analysis" in _asked(task)


def test_the_request_comes_before_the_skill(caller: Caller) -> None:
    task_id = submit(caller, skill="data-analysis", role="writer").json()["task_id"]
    assert Task.objects.get(id=task_id).parameters["role"] == "writer"


@pytest.mark.parametrize("body", [{"skill": 5}, {"skill": "debugging", "context": {"skill": "code-review"}}])
def test_a_skill_that_is_unclear_is_refused(caller: Caller, body: dict[str, Any]) -> None:
    error_of(submit(caller, **body), 400)


def _asked(task: Task) -> str:
    from agents.models import JournalEntry  # noqa: PLC0415 - only for this look

    return str(list(JournalEntry.objects.filter(task_id=task.id, kind="model").values_list("request", flat=True)))
