"""The roles that there are: the shipped ones, and each tenant's own, which come first."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from agents.errors import RoleNotFound
from agents.journal import Journal
from agents.roles.role import Role, SemanticCache, shipped_roles
from agents.roles.rows import tenant_role, tenant_roles

DEFAULT_ROLE: Final = "generalist"
_RECORDED: Final = "role"


def roles_of(tenant_id: UUID | None) -> Mapping[str, Role]:
    """Return all roles of a tenant by name; None: the shipped ones."""
    return {**shipped_roles(), **(tenant_roles(tenant_id) if tenant_id else {})}


def role_for(name: str, *, tenant_id: UUID | None = None) -> Role:
    """Return the role of this name.

    Raises:
        RoleNotFound: There is none (the caller's fault).
    """
    role = roles_of(tenant_id).get(name) or (tenant_role(tenant_id, name) if tenant_id else None)
    if role is None:
        names = ", ".join(sorted(roles_of(tenant_id)))
        raise RoleNotFound(f"There is no role {name[:100]!r}; there are {names}.")
    return role


def role_names(tenant_id: UUID | None = None) -> tuple[str, ...]:
    """Return the names of all roles of a tenant; None: of the shipped ones."""
    return tuple(roles_of(tenant_id))


def role_seen(journal: Journal, name: str, *, tenant_id: UUID) -> tuple[Role, bool]:
    """Return a role as a step takes it, and whether it is the tenant's own.

    A tenant may change its roles at any time, so one of its own is recorded: the step keeps it in all its attempts.

    Raises:
        RoleNotFound: There is none (the caller's fault).
    """
    recorded = journal.next_kind()
    is_own = recorded == _RECORDED if recorded else _is_own(name, tenant_id)
    if not is_own:
        return role_for(name), False
    seen = journal.observe(_RECORDED, name, lambda: role_for(name, tenant_id=tenant_id).model_dump(mode="json"))
    return Role.model_validate(seen), True


def _is_own(name: str, tenant_id: UUID) -> bool:
    return name in tenant_roles(tenant_id) or (name not in shipped_roles() and tenant_role(tenant_id, name) is not None)


__all__ = ["DEFAULT_ROLE", "Role", "SemanticCache", "role_for", "role_names", "role_seen", "roles_of"]
