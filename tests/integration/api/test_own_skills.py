"""Skills that a tenant registers: made, listed, used by its tasks and agents, switched, deleted; and nobody else's."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from agents.models import TenantSkill
from agents.tools.base import ToolContext
from agents.tools.builtin.skill_read import SkillReadTool
from agents.tools.builtin.skill_run import SkillRunTool
from agents.tools.registry import tool_definitions
from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.models import Task
from orchestration.types import TaskStatus
from policy.errors import ScopeMissing
from policy.services import tenant_seed
from sandbox.runtimes.fake import FakeRuntime
from tests.integration.api.callers import Caller, error_of

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/v1/skills"
JSON = "application/json"
DOCUMENT = """---
name: invoice-check
version: {version}
description: How we check an invoice before it is paid.
category: finance
requires_tools: [calculator]
requires_role: analyst
{more}
---
# Checking an invoice

Add up the lines first.
"""
SCRIPTS = {"total.py": "print(sum(map(float, open(0))))"}


@pytest.fixture(autouse=True)
def _nothing_kept(settings: Any) -> None:
    settings.SHANNON_TENANT_TOOLS_CACHE_SECONDS = 0.0


def document(version: str = "1.0.0", more: str = "author: us") -> str:
    return DOCUMENT.format(version=version, more=more)


def register(caller: Caller, text: str | None = None, **body: Any) -> Any:
    return caller.client.post(URL, {"document": text or document(), "scripts": SCRIPTS, **body}, JSON)


def context(caller: Caller, *, may_use_dangerous: bool = False) -> ToolContext:
    from uuid import uuid4  # noqa: PLC0415 - a session that nobody has

    return ToolContext(caller.tenant.id, uuid4(), uuid4(), timeout_seconds=60.0, may_use_dangerous=may_use_dangerous)


def test_a_skill_is_registered_listed_read_and_deleted(caller: Caller) -> None:
    made = register(caller)
    assert made.status_code == 201, made.content
    skill = made.json()["skill"]
    assert (skill["name"], skill["version"], skill["is_own"]) == ("invoice-check", "1.0.0", True)
    assert skill["scripts"] == ["total.py"]
    assert skill["content"].startswith("# Checking an invoice")
    assert caller.client.get(f"{URL}/invoice-check").json()["skill"] == skill
    listed = {one["name"]: one["is_own"] for one in caller.client.get(URL).json()["skills"]}
    assert listed["invoice-check"]
    assert listed["debugging"] is False
    assert [one["name"] for one in caller.client.get(URL, {"category": "finance"}).json()["skills"]] == [
        "invoice-check"
    ]
    assert caller.client.delete(f"{URL}/invoice-check").status_code == 204
    assert error_of(caller.client.get(f"{URL}/invoice-check"), 404)["code"] == "SKILL_NOT_FOUND"


def test_versions_stand_side_by_side_and_the_newest_that_is_on_counts(caller: Caller) -> None:
    for version in ("1.9.0", "1.10.0"):
        assert register(caller, document(version)).status_code == 201
    one = f"{URL}/invoice-check"
    assert [found["version"] for found in caller.client.get(f"{one}/versions").json()["versions"]] == [
        "1.10.0",
        "1.9.0",
    ]
    assert caller.client.get(one).json()["skill"]["version"] == "1.10.0"
    switched = caller.client.patch(f"{one}@1.10.0", {"is_active": False}, JSON).json()["versions"]
    assert [(found["version"], found["enabled"]) for found in switched] == [("1.10.0", False), ("1.9.0", True)]
    assert caller.client.get(one).json()["skill"]["version"] == "1.9.0"
    assert caller.client.delete(f"{one}@1.9.0").status_code == 204
    assert error_of(caller.client.get(one), 404)["code"] == "SKILL_NOT_FOUND"
    assert error_of(register(caller, document("1.10.0")), 409)["code"] == "SKILL_EXISTS"


def test_a_version_of_the_installation_gives_way_for_this_tenant_alone(caller: Caller, stranger: Caller) -> None:
    text = document().replace("invoice-check", "debugging")
    assert register(caller, text).status_code == 201
    assert caller.client.get(f"{URL}/debugging").json()["skill"]["category"] == "finance"
    assert stranger.client.get(f"{URL}/debugging").json()["skill"]["category"] == "development"
    assert caller.client.delete(f"{URL}/debugging").status_code == 204
    assert caller.client.get(f"{URL}/debugging").json()["skill"]["is_own"] is False
    assert error_of(caller.client.delete(f"{URL}/debugging"), 404)["code"] == "SKILL_NOT_FOUND"


def test_a_skill_is_its_tenants(caller: Caller, stranger: Caller) -> None:
    register(caller)
    error_of(stranger.client.get(f"{URL}/invoice-check"), 404)
    error_of(stranger.client.get(f"{URL}/invoice-check/versions"), 404)
    error_of(stranger.client.patch(f"{URL}/invoice-check", {"is_active": False}, JSON), 404)
    error_of(stranger.client.delete(f"{URL}/invoice-check"), 404)
    task = stranger.client.post("/api/v1/tasks", {"query": "x", "skill": "invoice-check"}, JSON)
    assert error_of(task, 404)["details"]["skills"] == ["code-review", "data-analysis", "debugging"]
    assert "invoice-check" not in str(tool_definitions(["skill_read"], tenant_id=stranger.tenant.id))
    assert TenantSkill.objects.get().is_active


@pytest.mark.parametrize(
    ("text", "scripts", "words"),
    [
        ("no frontmatter", {}, "frontmatter"),
        (document("one"), {}, "version"),
        (document(more="colour: red"), {}, "colour"),
        (document(more="metadata: {a: &a [1], b: *a}"), {}, "alias"),
        (document().replace("calculator", "no_such_tool"), {}, "no_such_tool"),
        (document().replace("analyst", "no_such_role"), {}, "no_such_role"),
        (document(), {"total.sh": "rm"}, "total.sh"),
        (document(), {"../total.py": "1"}, "total.py"),
        (document(), {f"s{number}.py": "1" for number in range(33)}, "33 scripts"),
    ],
)
def test_what_is_no_skill_is_refused_with_the_reason(
    caller: Caller, text: str, scripts: dict[str, str], words: str
) -> None:
    error = error_of(caller.client.post(URL, {"document": text, "scripts": scripts}, JSON), 400)
    assert error["code"] == "SKILL_INVALID"
    assert words in error["message"]


def test_a_tenant_has_so_many_versions_and_no_more(caller: Caller, settings: Any) -> None:
    settings.SHANNON_SKILLS_MAX = 1
    register(caller)
    assert error_of(register(caller, document("2.0.0")), 409)["code"] == "SKILL_EXISTS"


def test_registering_needs_its_scope(caller_with: Callable[..., Caller]) -> None:
    reader = caller_with("tools:read")
    error_of(register(reader), 403)
    error_of(reader.client.patch(f"{URL}/x", {"is_active": True}, JSON), 403)
    error_of(reader.client.delete(f"{URL}/x"), 403)


def test_a_repeated_request_registers_one(caller: Caller) -> None:
    answers = [
        caller.client.post(URL, {"document": document()}, JSON, headers={"Idempotency-Key": "k"}) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()


def test_a_tasks_agents_work_as_its_own_skill_says(caller: Caller) -> None:
    register(caller)
    body = {"query": "What is 6 * 7?", "mode": "simple", "skill": "invoice-check"}
    task = Task.objects.get(id=caller.client.post("/api/v1/tasks", body, JSON).json()["task_id"])
    assert task.parameters["role"] == "analyst"
    caller.client.delete(f"{URL}/invoice-check")
    task_advance(task.id)
    drain(task.id, first=None)
    task_advance(task.id)
    task.refresh_from_db()
    assert task.status == TaskStatus.COMPLETED
    assert "Add up the lines first." in str(task.parameters["skill"])


def test_agents_are_told_of_it_and_a_step_that_is_run_again_hears_the_same(caller: Caller) -> None:
    from agents.models import JournalEntry  # noqa: PLC0415 - only for this look

    register(caller)
    role = {"name": "payer", "description": "Pays invoices.", "tools": ["skill_read", "calculator"]}
    assert caller.client.post("/api/v1/roles", role, JSON).status_code == 201
    body = {"query": "What is 6 * 7?", "mode": "simple", "role": "payer"}
    task = Task.objects.get(id=caller.client.post("/api/v1/tasks", body, JSON).json()["task_id"])
    task_advance(task.id)
    drain(task.id, first=None)
    told = JournalEntry.objects.get(task_id=task.id, kind="tools")
    assert "invoice-check: How we check an invoice" in str(told.response)


def test_an_agent_reads_it_and_runs_its_program_in_the_sandbox(caller: Caller, settings: Any) -> None:
    settings.SHANNON_SANDBOX_RUNTIME = "sandbox.runtimes.fake.FakeRuntime"
    register(caller)
    read = SkillReadTool().execute(context(caller), {"name": "invoice-check"}).output
    assert isinstance(read, dict)
    assert read["scripts"] == ["total.py"]
    FakeRuntime.forget()
    SkillRunTool().execute(context(caller), {"skill": "invoice-check", "script": "total.py", "input": "1\n2\n"})
    (run,) = FakeRuntime.requests
    assert (run.guest, run.code, run.stdin) == ("python", SCRIPTS["total.py"], b"1\n2\n")


def test_a_dangerous_one_is_for_those_who_may_use_such(caller: Caller) -> None:
    register(caller, document(more="dangerous: true"))
    with pytest.raises(ScopeMissing):
        SkillReadTool().execute(context(caller), {"name": "invoice-check"})
    with pytest.raises(ScopeMissing):
        SkillRunTool().execute(context(caller), {"skill": "invoice-check", "script": "total.py"})
    assert SkillReadTool().execute(context(caller, may_use_dangerous=True), {"name": "invoice-check"}).output


def test_the_admin_registers_by_the_same_rules(admin_client: Client) -> None:
    tenant = tenant_seed(slug="ours", name="Ours")
    page = "/admin/agents/tenantskill/add/"
    bad = admin_client.post(page, {"tenant": tenant.id, "document": "nothing", "scripts": "{}", "is_active": "on"})
    assert b"frontmatter" in bad.content
    assert not TenantSkill.objects.exists()
    values = {"tenant": tenant.id, "document": document(), "scripts": "{}", "is_active": "on"}
    assert admin_client.post(page, values).status_code == 302
    row = TenantSkill.objects.get()
    assert (str(row), row.created_by) == ("invoice-check@1.0.0", "user:admin")
    again = admin_client.post(page, values)
    assert b"has this version already" in again.content
    assert admin_client.get(f"/admin/agents/tenantskill/{row.id}/change/").status_code == 200
