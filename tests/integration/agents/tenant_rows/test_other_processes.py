"""What another process changes holds here from the next look on; rows are written here behind this process's back."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet

from agents.errors import SkillNotFound
from agents.journal import Journal
from agents.models import AgentRole, McpServer, OpenApi, OwnToolRow, TenantRow, TenantSkill
from agents.roles.rows import tenant_roles
from agents.services import RoleChanges, role_create
from agents.skills.catalogue import skill_allowed
from agents.skills.rows import tenant_skills
from agents.tools.calling import tool_call
from agents.tools.registry import tool_for
from agents.types import ToolResult
from policy.models import Tenant
from policy.services import api_key_issue, principal_authenticate, registry_ask
from policy.types import Principal
from sandbox.runtimes.fake import FakeRuntime, fake_result
from tests.integration.agents.steps import step_of

SKILL = "---\nname: audit\nversion: 1.0.0\ndescription: How to audit.\n---\nLook twice."
ROWS: dict[str, Callable[[Principal], TenantRow]] = {
    "role": lambda one: AgentRole(tenant_id=one.tenant_id, name="auditor", description="Checks."),
    "skill": lambda one: TenantSkill(tenant_id=one.tenant_id, name="audit", version="1.0.0", document=SKILL),
    "tool": lambda one: OwnToolRow(
        tenant_id=one.tenant_id,
        name="total",
        description="Adds.",
        guest="python",
        code="print(1)",
        parameters={"type": "object"},
        wall_seconds=5.0,
    ),
    "server": lambda one: McpServer(tenant_id=one.tenant_id, name="calc", url="https://calc.example/mcp"),
    "api": lambda one: OpenApi(tenant_id=one.tenant_id, name="shop", document="{}"),
}


@pytest.fixture(autouse=True)
def _nothing_is_looked_at_again_by_itself(settings: Any) -> None:
    settings.SHANNON_REGISTRY_RECHECK_SECONDS = 3600.0
    settings.SHANNON_TENANT_TOOLS_CACHE_SECONDS = 3600.0


@pytest.fixture
def tool(principal: Principal, settings: Any) -> "QuerySet[OwnToolRow]":
    """A tool of the tenant's own that this process knows."""
    settings.SHANNON_SANDBOX_RUNTIME = "sandbox.runtimes.fake.FakeRuntime"
    FakeRuntime.forget()
    FakeRuntime.answers["print(1)"] = fake_result(stdout="1")
    ROWS["tool"](principal).save(force_insert=True)
    registry_ask(principal.tenant_id)
    assert not tool_for("own__total", tenant_id=principal.tenant_id).dangerous
    return OwnToolRow.objects.filter(tenant_id=principal.tenant_id)


def issued(principal: Principal) -> str:
    """Return a key of the principal's tenant."""
    tenant = Tenant.objects.get(id=principal.tenant_id)
    return api_key_issue(tenant=tenant, name="test", user_id="ada", scopes=["tasks:read"]).plaintext


def called(principal: Principal) -> ToolResult:
    ctx = step_of(principal)
    return tool_call(ctx, Journal(ctx), "own__total", "{}")


@pytest.mark.django_db(transaction=True)
def test_a_tool_that_was_switched_off_elsewhere_is_not_there_for_the_next_call(
    principal: Principal, tool: "QuerySet[OwnToolRow]"
) -> None:
    assert called(principal).ok
    tool.update(is_active=False)
    assert tool_for("own__total", tenant_id=principal.tenant_id), "nobody has told this process"
    result = called(principal)
    assert result.error is not None
    assert result.error.code == "TOOL_NOT_FOUND"


@pytest.mark.django_db(transaction=True)
def test_a_tool_that_became_dangerous_elsewhere_is_so_for_the_next_call(
    principal: Principal, tool: "QuerySet[OwnToolRow]"
) -> None:
    tool.update(dangerous=True)
    result = called(principal)
    assert result.error is not None
    assert result.error.code == "POLICY_DENIED", "this key may call no dangerous tools"


@pytest.mark.django_db(transaction=True)
def test_a_skill_that_was_switched_off_elsewhere_cannot_be_read_any_more(principal: Principal) -> None:
    ROWS["skill"](principal).save(force_insert=True)
    assert skill_allowed("audit", tenant_id=principal.tenant_id, may_use_dangerous=False).name == "audit"
    TenantSkill.objects.update(is_active=False)
    with pytest.raises(SkillNotFound):
        skill_allowed("audit", tenant_id=principal.tenant_id, may_use_dangerous=False)


def test_a_skill_that_means_nothing_costs_the_tenant_no_other(principal: Principal) -> None:
    ROWS["skill"](principal).save(force_insert=True)
    TenantSkill.objects.create(tenant_id=principal.tenant_id, name="old", version="1", document="no frontmatter")
    assert set(tenant_skills(principal.tenant_id)) == {"audit@1.0.0"}


@pytest.mark.django_db(transaction=True)
def test_whoever_signs_in_is_told_what_changed(principal: Principal) -> None:
    assert tenant_roles(principal.tenant_id) == {}
    key = issued(principal)
    ROWS["role"](principal).save(force_insert=True)
    assert tenant_roles(principal.tenant_id) == {}
    principal_authenticate(api_key=key)
    assert set(tenant_roles(principal.tenant_id)) == {"auditor"}


@pytest.mark.django_db(transaction=True)
def test_the_process_that_changes_a_row_knows_it_at_once(principal: Principal) -> None:
    assert tenant_roles(principal.tenant_id) == {}
    role_create(principal=principal, name="auditor", changes=RoleChanges(description="Checks."))
    assert set(tenant_roles(principal.tenant_id)) == {"auditor"}


@pytest.mark.django_db(transaction=True)
def test_what_comes_to_nothing_is_not_kept(principal: Principal) -> None:
    with transaction.atomic():
        role_create(principal=principal, name="auditor", changes=RoleChanges(description="Checks."))
        assert set(tenant_roles(principal.tenant_id)) == {"auditor"}, "its own transaction sees it"
        transaction.set_rollback(True)
    assert tenant_roles(principal.tenant_id) == {}
    ROWS["role"](principal).save(force_insert=True)
    registry_ask(principal.tenant_id)
    assert set(tenant_roles(principal.tenant_id)) == {"auditor"}


@pytest.mark.django_db(transaction=True)
def test_who_asks_while_a_change_is_not_committed_asks_again_after_it(principal: Principal) -> None:
    written, seen = threading.Event(), threading.Event()
    problems: list[BaseException] = []

    def write() -> None:
        try:
            with transaction.atomic():
                ROWS["role"](principal).save(force_insert=True)
                written.set()
                assert seen.wait(60)
        except BaseException as error:  # noqa: BLE001 - told in the test's own thread
            problems.append(error)
        finally:
            connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    assert written.wait(60)
    before = registry_ask(principal.tenant_id)
    assert tenant_roles(principal.tenant_id) == {}
    seen.set()
    writer.join(60)
    assert problems == []
    assert registry_ask(principal.tenant_id) > before
    assert set(tenant_roles(principal.tenant_id)) == {"auditor"}


@pytest.mark.parametrize("kind", ROWS)
def test_each_change_raises_the_tenants_number_and_no_other(
    principal: Principal, stranger: Principal, kind: str
) -> None:
    numbers = [registry_ask(principal.tenant_id)]
    row = ROWS[kind](principal)
    row.save(force_insert=True)
    numbers.append(registry_ask(principal.tenant_id))
    type(row)._default_manager.filter(id=row.id).update(is_active=False)
    numbers.append(registry_ask(principal.tenant_id))
    row.delete()
    numbers.append(registry_ask(principal.tenant_id))
    assert numbers == sorted(set(numbers)), "each is higher than the one before"
    assert registry_ask(stranger.tenant_id) == 0


def test_a_row_that_goes_to_another_tenant_changed_for_both(principal: Principal, stranger: Principal) -> None:
    row = ROWS["role"](principal)
    row.save(force_insert=True)
    before = registry_ask(principal.tenant_id)
    AgentRole.objects.filter(id=row.pk).update(tenant_id=stranger.tenant_id)
    assert registry_ask(principal.tenant_id) > before
    assert registry_ask(stranger.tenant_id) > before


def test_a_server_that_is_asked_and_says_the_same_has_not_changed(principal: Principal) -> None:
    ROWS["server"](principal).save(force_insert=True)
    before = registry_ask(principal.tenant_id)
    McpServer.objects.update(asked_at="2026-01-01T00:00:00Z", discovered_at="2026-01-01T00:00:00Z", tools=[])
    assert registry_ask(principal.tenant_id) == before
    McpServer.objects.update(tools=[{"name": "add"}])
    assert registry_ask(principal.tenant_id) > before
