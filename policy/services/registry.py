"""How far what a tenant has registered has come: its roles, skills, tools, MCP servers and APIs.

The database counts it: `RegistryGeneration` has one number a tenant, which a trigger of every table of such rows raises
in the transaction of the change. A process that keeps rows keeps the number with them, and whoever reads something of
the tenant anyway, its key or a step that it claims, reads the number along and tells it here. So what changed elsewhere
is known without another question.
"""

import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from shannon_project.foundation.database import prepared_cursor

_ASK: Final = "SELECT generation FROM policy_registrygeneration WHERE tenant_id = %s"


@dataclass(frozen=True, slots=True)
class _Told:
    generation: int
    at_seconds: float


class _Known:
    """By tenant, the highest number that this process was told, and when it was told any. Thread-safe."""

    def __init__(self) -> None:
        self._told: dict[UUID, _Told] = {}
        self._lock = threading.Lock()

    def tell(self, tenant_id: UUID, generation: int) -> int:
        now = time.monotonic()
        with self._lock:
            told = self._told.pop(tenant_id, None)
            highest = max(generation, told.generation) if told else generation
            self._told[tenant_id] = _Told(highest, now)  # as the last: who was told longest ago is forgotten first
            if len(self._told) > settings.SHANNON_TENANT_TOOLS_CACHED_TENANTS:
                del self._told[next(iter(self._told))]
        return highest

    def recent(self, tenant_id: UUID) -> int | None:
        with self._lock:
            told = self._told.get(tenant_id)
        is_recent = told and time.monotonic() - told.at_seconds < settings.SHANNON_REGISTRY_RECHECK_SECONDS
        return told.generation if told and is_recent else None


_KNOWN: Final = _Known()


def registry_told(tenant_id: UUID, generation: int) -> None:
    """Take the number that was read along with something else of the tenant."""
    if not registry_is_changing(tenant_id):
        _KNOWN.tell(tenant_id, generation)


def registry_ask(tenant_id: UUID) -> int:
    """Return the number as it is now: for what must not go by anything older. One query; 0: nothing was registered."""
    with prepared_cursor() as cursor:
        cursor.execute(_ASK, [tenant_id])
        row = cursor.fetchone()
    generation = int(row[0]) if row else 0
    return generation if registry_is_changing(tenant_id) else _KNOWN.tell(tenant_id, generation)


def registry_generation(tenant_id: UUID) -> int:
    """Return the number as this process was told it not longer ago than `SHANNON_REGISTRY_RECHECK_SECONDS`.

    It is asked for where nobody told it, and where the transaction that is open has changed something itself.
    """
    known = None if registry_is_changing(tenant_id) else _KNOWN.recent(tenant_id)
    return registry_ask(tenant_id) if known is None else known


def registry_changed(tenant_id: UUID) -> None:
    """Let this process know at once what it has changed, when that is committed; others learn it by what they read."""
    if connection.in_atomic_block:
        transaction.on_commit(partial(registry_ask, tenant_id))
    else:
        registry_ask(tenant_id)


def registry_is_changing(tenant_id: UUID) -> bool:
    """Tell whether the transaction that is open has changed something, which may still come to nothing.

    What it reads of the tenant's rows, and their number, is for itself alone. The database forgets what it was to do on
    the commit when a transaction or savepoint is rolled back, so that is where it is looked up.
    """
    return any(
        isinstance(work, partial) and work.func is registry_ask and work.args == (tenant_id,)
        for _, work, *_ in connection.run_on_commit
    )
