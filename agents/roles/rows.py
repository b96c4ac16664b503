"""The roles that a tenant makes of its own."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from agents.errors import RoleExists, RoleInvalid, RoleNotFound
from agents.llm.types import ModelTier
from agents.models import AgentRole
from agents.roles.role import Role
from agents.tenant_rows.cache import TenantCache
from agents.tenant_rows.repository import TenantRepository
from agents.tools.registry import tool_infos
from agents.types import Insert, inserted
from policy.types import Principal

NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_PROMPT: Final = "agent"  # what every role of a tenant adds its own words to


@dataclass(frozen=True, slots=True)
class RoleChanges:
    """What is to be set; None: as it was, or the default. A budget or percentage of 0 takes it away."""

    description: str | None = None
    brief: str | None = None
    tools: tuple[str, ...] | None = None
    tier: str | None = None
    max_turns: int | None = None
    max_output_tokens: int | None = None
    budget_tokens: int | None = None
    budget_usd: Decimal | None = None
    budget_ask_person_percent: int | None = None
    is_active: bool | None = None


def tenant_roles(tenant_id: UUID) -> Mapping[str, Role]:
    """Return a tenant's active roles by name; one query, or none within a moment."""
    return _ROLES.of(tenant_id)


def tenant_role(tenant_id: UUID, name: str) -> Role | None:
    """Return a tenant's own active role; None: it has none of this name."""
    return _ROLES.find(tenant_id, lambda own: own.get(name))


def role_rows(*, principal: Principal) -> list[AgentRole]:
    """Return the tenant's own roles by name; one query."""
    return list(ROWS.of(principal))


def role_row(*, principal: Principal, name: str) -> AgentRole:
    """Return one of the tenant's own roles.

    Raises:
        RoleNotFound: It has none of this name (the caller's fault).
    """
    return ROWS.get(principal, name=name)


def role_row_of(*, principal: Principal, role_id: UUID) -> AgentRole:
    """Return the tenant's role of this id.

    Raises:
        RoleNotFound: It has none of this id.
    """
    return ROWS.get(principal, id=role_id)


def role_create(*, principal: Principal, name: str, changes: RoleChanges, insert: Insert = inserted) -> AgentRole:
    """Make a role; one with the name of a shipped role takes its place for this tenant.

    Raises:
        RoleInvalid: The name is not fit, or the role names a tool or tier that there is not (the caller's fault).
        RoleExists: The tenant has a role of this name, or as many as it may have.
    """
    if not NAME.fullmatch(name):
        raise RoleInvalid(details={"name": name[:100]})
    row = AgentRole(name=name, **role_values(principal.tenant_id, changes))
    return ROWS.add(principal, row, insert=insert)


def role_change(*, principal: Principal, name: str, changes: RoleChanges) -> AgentRole:
    """Change a role; steps that have begun keep what they began with.

    Raises:
        RoleNotFound: The tenant has none of this name (the caller's fault).
        RoleInvalid: It names a tool or tier that there is not (the caller's fault).
    """
    role_row(principal=principal, name=name)  # first: a role that there is not is no matter of what it would become
    ROWS.change(principal, role_values(principal.tenant_id, changes), name=name)
    return role_row(principal=principal, name=name)


def role_delete(*, principal: Principal, name: str) -> None:
    """Delete a role.

    Raises:
        RoleNotFound: The tenant has none of this name (the caller's fault).
    """
    ROWS.delete(principal, name=name)


def role_values(tenant_id: UUID, changes: RoleChanges) -> dict[str, Any]:
    """Return the columns that the changes set.

    Raises:
        RoleInvalid: They name a tool or tier that there is not (the caller's fault).
    """
    if changes.tools is not None:
        unknown = sorted(set(changes.tools) - {info.name for info in tool_infos(tenant_id=tenant_id)})
        if unknown:
            raise RoleInvalid(f"There is no tool {unknown[0][:100]!r}.", details={"tools": unknown[:20]})
    if changes.tier is not None and changes.tier not in set(ModelTier):
        raise RoleInvalid(f"There is no tier {changes.tier[:32]!r}; there are {', '.join(ModelTier)}.")
    values = {name: value for name, value in asdict(changes).items() if value is not None}
    for name in ("budget_tokens", "budget_usd", "budget_ask_person_percent"):
        if name in values:
            values[name] = values[name] or None
    return values | ({"tools": list(changes.tools)} if changes.tools is not None else {})


def _roles_of(tenant_id: UUID) -> Mapping[str, Role]:
    rows = AgentRole.objects.filter(tenant_id=tenant_id, is_active=True).order_by("name")
    return {row.name: role_from_row(row) for row in rows}


def role_from_row(row: AgentRole) -> Role:
    """Return what a row means."""
    return Role(
        description=row.description,
        prompt=_PROMPT,
        brief=row.brief,
        tools=tuple(row.tools),
        tier=row.tier,
        max_turns=row.max_turns,
        max_output_tokens=row.max_output_tokens,
        budget_tokens=row.budget_tokens,
        budget_usd=row.budget_usd,
        budget_ask_person_percent=row.budget_ask_person_percent,
    )


_ROLES: TenantCache[Role] = TenantCache(_roles_of)
ROWS: Final = TenantRepository(
    AgentRole,
    kind="role",
    kinds="roles",
    id_name="role_id",
    missing=RoleNotFound,
    taken=RoleExists,
    limit=lambda: settings.SHANNON_ROLES_MAX,
)
