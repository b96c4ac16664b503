"""Who acts, for which tenant, and how far that may go."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

SCOPES: Final[Mapping[str, str]] = {
    "tasks:read": "See tasks, their events and their results.",
    "tasks:write": "Submit, cancel and control tasks.",
    "sessions:read": "See sessions, their messages and their files.",
    "sessions:write": "Change and delete sessions and their files.",
    "approvals:write": "Decide what waits for a person.",
    "schedules:read": "See schedules and their runs.",
    "schedules:write": "Make, change, pause and delete schedules.",
    "tools:read": "List the tools.",
    "tools:write": "Register servers of tools, with their credentials.",
    "tools:execute": "Let tools be called.",
    "tools:dangerous": "Let tools be called that change the world outside.",
    "admin": "Everything above.",
}
"""Every scope that a key may carry, with what it permits."""


TENANT_WEIGHT_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class TenantLimits:
    """What a tenant may take of what all share; see the fields of `Tenant`. None: the platform's default."""

    weight: int = 1
    max_running_steps: int | None = None
    max_open_tasks: int | None = None
    requests_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts: a tenant, a person or key in it, and what that one may do.

    Attributes:
        tenant_id: Whose data it sees and whose money it spends.
        actor: `key:<name>`, `user:<name>` or `system`.
        user_id: The tenant's own name for the person behind the key; may be empty.
        scopes: Keys of `SCOPES`.
        roles: The tenant's own words; only policies read them.
        api_key_id: None when no key was used.
    """

    tenant_id: UUID
    actor: str
    user_id: str
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    api_key_id: UUID | None = None

    def has_scope(self, scope: str) -> bool:
        """Tell whether the principal holds the scope, by itself or by `admin`."""
        return scope in self.scopes or "admin" in self.scopes

    def as_json(self) -> dict[str, Any]:
        """Return JSON values that `from_json` reads back; sets are sorted, so equal principals give equal JSON."""
        return {
            "tenant_id": str(self.tenant_id),
            "actor": self.actor,
            "user_id": self.user_id,
            "scopes": sorted(self.scopes),
            "roles": sorted(self.roles),
            "api_key_id": str(self.api_key_id) if self.api_key_id else None,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the principal that `as_json` wrote."""
        return cls(
            tenant_id=UUID(value["tenant_id"]),
            actor=value["actor"],
            user_id=value["user_id"],
            scopes=frozenset(value["scopes"]),
            roles=frozenset(value["roles"]),
            api_key_id=UUID(value["api_key_id"]) if value["api_key_id"] else None,
        )
