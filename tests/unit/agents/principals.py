"""Principals for tests without a database."""

from policy.types import Principal
from shannon_project.foundation.ids import uuid7


def someone() -> Principal:
    """Return a principal of a tenant of its own."""
    return Principal(tenant_id=uuid7(), actor="key:test", user_id="tester", scopes=frozenset({"admin"}))
