"""The rows that tenants register: each tenant's own, of a bounded number, a name once."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction

from agents.errors import RoleExists, RoleNotFound, SkillNotFound
from agents.models import AgentRole, TenantSkill
from agents.tenant_rows.repository import TenantRepository
from agents.types import inserted
from policy.types import Principal


class Roles:
    """A repository of roles whose limit a test may move."""

    def __init__(self) -> None:
        """Allow many."""
        self.limit = 100
        self.rows = TenantRepository(
            AgentRole,
            kind="role",
            kinds="roles",
            id_name="role_id",
            missing=RoleNotFound,
            taken=RoleExists,
            limit=lambda: self.limit,
        )

    def add(self, principal: Principal, name: str = "auditor") -> AgentRole:
        """Add a role."""
        return self.rows.add(principal, AgentRole(name=name, description="Checks."), insert=inserted)


@pytest.fixture
def roles() -> Roles:
    return Roles()


def test_a_row_is_the_tenants_and_says_who_made_it(roles: Roles, principal: Principal) -> None:
    row = roles.add(principal)
    assert (row.tenant_id, row.created_by) == (principal.tenant_id, principal.actor)
    assert row.created_at == row.updated_at
    assert roles.rows.get(principal, id=row.id) == roles.rows.get(principal, name="auditor") == row


def test_a_row_of_another_tenant_is_not_there(roles: Roles, principal: Principal, stranger: Principal) -> None:
    row = roles.add(principal)
    acts: list[Callable[[], Any]] = [
        lambda: roles.rows.get(stranger, id=row.id),
        lambda: roles.rows.get(stranger, name=row.name),
        lambda: roles.rows.change(stranger, {"is_active": False}, id=row.id),
        lambda: roles.rows.change(stranger, {"is_active": False}, name=row.name),
        lambda: roles.rows.delete(stranger, id=row.id),
        lambda: roles.rows.delete(stranger, name=row.name),
    ]
    for act in acts:
        with pytest.raises(RoleNotFound):
            act()
    assert (list(roles.rows.of(stranger)), roles.rows.find(stranger, id=row.id)) == ([], None)
    assert list(roles.rows.of(principal).values_list("is_active", flat=True)) == [True]


def test_what_is_missing_is_named_as_it_was_asked_for(roles: Roles, principal: Principal) -> None:
    nobody = uuid4()
    with pytest.raises(RoleNotFound) as by_id:
        roles.rows.get(principal, id=nobody)
    with pytest.raises(RoleNotFound, match="has no role 'ghost' of its own") as by_name:
        roles.rows.get(principal, name="ghost")
    assert (by_id.value.details, by_name.value.details) == ({"role_id": str(nobody)}, {"name": "ghost"})


def test_a_name_is_a_tenants_once_and_the_transaction_goes_on(
    roles: Roles, principal: Principal, stranger: Principal
) -> None:
    roles.add(principal)
    with transaction.atomic(), pytest.raises(RoleExists) as taken:
        roles.add(principal)
    assert taken.value.details == {"name": "auditor"}
    assert roles.add(stranger).name == "auditor"


def test_one_row_too_many_is_refused_and_says_how_many(roles: Roles, principal: Principal, stranger: Principal) -> None:
    roles.limit = 1
    roles.add(principal)
    with pytest.raises(RoleExists, match="at most 1 roles"):
        roles.add(principal, "other")
    roles.add(stranger)  # it has its own limit
    roles.rows.delete(principal, name="auditor")
    roles.add(principal, "other")


@pytest.mark.django_db(transaction=True)
def test_many_at_once_do_not_pass_the_limit(roles: Roles, principal: Principal) -> None:
    roles.limit = 3
    refused: list[RoleExists] = []
    barrier = threading.Barrier(8)

    def add(name: str) -> None:
        try:
            barrier.wait(60)
            roles.add(principal, name)
        except RoleExists as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=add, args=[f"role-{number}"]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert (AgentRole.objects.count(), len(refused)) == (3, 5)


def test_a_change_sets_what_it_names_and_leaves_the_rest(roles: Roles, principal: Principal) -> None:
    row = roles.add(principal)
    AgentRole.objects.update(updated_at="2020-01-01T00:00:00Z", max_turns=7)  # meanwhile somebody else changed it
    roles.rows.change(principal, {"description": "Audits."}, id=row.id)
    after = roles.rows.get(principal, id=row.id)
    assert (after.description, after.max_turns, after.updated_at.year > 2020) == ("Audits.", 7, True)


def test_a_row_that_was_deleted_meanwhile_is_missing(roles: Roles, principal: Principal) -> None:
    row = roles.add(principal)
    AgentRole.objects.all().delete()
    with pytest.raises(RoleNotFound):
        roles.rows.change(principal, {"description": "Audits."}, id=row.id)
    with pytest.raises(RoleNotFound):
        roles.rows.delete(principal, id=row.id)


def test_several_versions_of_a_name_are_changed_and_deleted_together(principal: Principal) -> None:
    skills = TenantRepository(
        TenantSkill,
        kind="skill",
        kinds="versions of skills",
        id_name="skill_id",
        missing=SkillNotFound,
        taken=RoleExists,
        limit=lambda: 10,
    )
    for version in ("1.0", "2.0"):
        skills.add(principal, TenantSkill(name="review", version=version, document="x"), insert=inserted)
    with pytest.raises(RoleExists) as taken:
        skills.add(principal, TenantSkill(name="review", version="2.0", document="x"), insert=inserted)
    assert taken.value.details == {"name": "review", "version": "2.0"}
    skills.change(principal, {"is_active": False}, name="review", version="1.0")
    assert [row.is_active for row in skills.of(principal)] == [False, True]
    with pytest.raises(SkillNotFound, match=r"'review@3\.0'"):
        skills.delete(principal, name="review", version="3.0")
    skills.delete(principal, name="review")
    assert not skills.of(principal).exists()
