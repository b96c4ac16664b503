"""The admin holds how many rows a tenant may have, by the rule of the API and in turn with it."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from agents.errors import RoleExists
from agents.models import AgentRole
from agents.services import RoleChanges, role_create
from policy.types import Principal

SKILL = "---\nname: {name}\nversion: 1.0.0\ndescription: How to audit.\n---\nLook twice."
PAGES: dict[str, tuple[str, str, Callable[[str], dict[str, Any]]]] = {
    "roles": (
        "agentrole",
        "SHANNON_ROLES_MAX",
        lambda name: {
            "name": name,
            "description": "Checks.",
            "tools": "[]",
            "tier": "medium",
            "max_turns": 5,
            "max_output_tokens": 500,
        },
    ),
    "skills": (
        "tenantskill",
        "SHANNON_SKILLS_MAX",
        lambda name: {"document": SKILL.format(name=name), "scripts": "{}"},
    ),
    "tools": (
        "owntoolrow",
        "SHANNON_OWN_TOOLS_MAX",
        lambda name: {
            "name": name,
            "description": "Adds.",
            "guest": "python",
            "code": "print(1)",
            "parameters": json.dumps({"type": "object"}),
            "returns": "{}",
            "wall_seconds": 5,
        },
    ),
    "servers": (
        "mcpserver",
        "SHANNON_MCP_SERVERS_MAX",
        lambda name: {"name": name, "url": "https://mcp.example/mcp", "timeout_seconds": 5, "headers": ""},
    ),
}


@pytest.mark.parametrize("kind", PAGES)
def test_one_too_many_is_refused_where_it_is_written(
    kind: str, principal: Principal, stranger: Principal, admin_client: Client, settings: Any
) -> None:
    model, setting, values = PAGES[kind]
    page = f"/admin/agents/{model}/add/"
    setattr(settings, setting, 1)
    first = admin_client.post(page, {"tenant": principal.tenant_id, "is_active": "on", **values("one")})
    assert first.status_code == 302, first.content[-3000:]
    second = admin_client.post(page, {"tenant": principal.tenant_id, "is_active": "on", **values("two")})
    assert second.status_code == 200
    assert "A tenant has at most 1" in second.content.decode()
    others = admin_client.post(page, {"tenant": stranger.tenant_id, "is_active": "on", **values("two")})
    assert others.status_code == 302, "another tenant has a limit of its own"


def test_a_row_of_as_many_as_there_may_be_can_be_changed(
    principal: Principal, admin_client: Client, settings: Any
) -> None:
    settings.SHANNON_ROLES_MAX = 1
    row = role_create(principal=principal, name="one", changes=RoleChanges(description="Checks."))
    values = PAGES["roles"][2]("one") | {"description": "Audits.", "is_active": "on"}
    assert admin_client.post(f"/admin/agents/agentrole/{row.id}/change/", values).status_code == 302
    assert AgentRole.objects.get().description == "Audits."


@pytest.mark.django_db(transaction=True)
def test_the_admin_and_the_api_at_once_do_not_pass_the_limit(principal: Principal, settings: Any) -> None:
    settings.SHANNON_ROLES_MAX = 2
    user = User.objects.create_superuser("root", password="a-long-password-1")
    barrier, done, refused = threading.Barrier(6), list[str](), list[str]()

    def in_admin(name: str) -> None:
        client = Client()
        client.force_login(user)
        barrier.wait(60)
        values = {"tenant": principal.tenant_id, "is_active": "on", **PAGES["roles"][2](name)}
        answer = client.post("/admin/agents/agentrole/add/", values)
        (done if answer.status_code == 302 else refused).append(name)

    def by_api(name: str) -> None:
        barrier.wait(60)
        try:
            role_create(principal=principal, name=name, changes=RoleChanges(description="Checks."))
        except RoleExists:
            refused.append(name)
        else:
            done.append(name)

    def run(work: Callable[[str], None], name: str) -> None:
        try:
            work(name)
        finally:
            connection.close()

    works = [(in_admin if number % 2 else by_api, f"role-{number}") for number in range(6)]
    threads = [threading.Thread(target=run, args=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (AgentRole.objects.count(), len(done), len(refused)) == (2, 2, 4)
