"""What a tenant has registered, kept in this process until it changes: every submit and every plan asks for it."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from django.conf import settings

from policy.services import registry_ask, registry_generation, registry_is_changing

T = TypeVar("T")
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    """What was read, when, and the number of the tenant's registry that was known before it was read."""

    rows: Mapping[str, T]
    generation: int
    at_seconds: float


class TenantCache(Generic[T]):
    """By tenant, what `read` gives, as of the last change that this process was told of. Thread-safe.

    It is kept `SHANNON_TENANT_TOOLS_CACHE_SECONDS` at most, for what depends on more than the tenant's rows. Nothing is
    kept that was read within a transaction that has changed them: it may come to nothing.
    """

    def __init__(
        self,
        read: Callable[[UUID], Mapping[str, T]],
        *,
        generation: Callable[[UUID], int] = registry_generation,
        ask: Callable[[UUID], int] = registry_ask,
    ) -> None:
        """Take what reads a tenant's rows, and what tells the number of its registry, as known and as it is now."""
        self._read = read
        self._generation = generation
        self._ask = ask
        self._kept: dict[UUID, _Kept[T]] = {}
        self._forgotten = 0  # how often everything was
        self._lock = threading.Lock()

    def of(self, tenant_id: UUID) -> Mapping[str, T]:
        """Return what the tenant has, by name."""
        return self._as_of(tenant_id, self._generation(tenant_id))

    def find(self, tenant_id: UUID, pick: Callable[[Mapping[str, T]], Found | None]) -> Found | None:
        """Return what `pick` finds among what the tenant has.

        Where it finds nothing in what is known, it is asked about what there is now.
        """
        found = pick(self.of(tenant_id))
        return pick(self._as_of(tenant_id, self._ask(tenant_id))) if found is None else found

    def forget(self) -> None:
        """Read everybody's anew the next time: something changed that is no tenant's."""
        with self._lock:
            self._forgotten += 1
            self._kept.clear()

    def _as_of(self, tenant_id: UUID, generation: int) -> Mapping[str, T]:
        now = time.monotonic()
        with self._lock:
            kept, forgotten = self._kept.get(tenant_id), self._forgotten
        if kept is not None and self._holds(kept, generation, now):
            return kept.rows
        found = _Kept(self._read(tenant_id), generation, now)
        if not registry_is_changing(tenant_id):
            self._keep(tenant_id, found, forgotten)
        return found.rows

    def _holds(self, kept: _Kept[T], generation: int, now: float) -> bool:
        is_young = now - kept.at_seconds < settings.SHANNON_TENANT_TOOLS_CACHE_SECONDS
        return is_young and kept.generation >= generation

    def _keep(self, tenant_id: UUID, found: _Kept[T], forgotten: int) -> None:
        with self._lock:
            if forgotten != self._forgotten:
                return  # it may be what was read before
            if tenant_id not in self._kept and len(self._kept) >= settings.SHANNON_TENANT_TOOLS_CACHED_TENANTS:
                self._kept.clear()
            self._kept[tenant_id] = found
