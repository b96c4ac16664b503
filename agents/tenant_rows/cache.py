"""What a tenant has registered, kept for a moment in this process: every submit and every plan asks for it."""

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Generic, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import transaction

T = TypeVar("T")
Found = TypeVar("Found")


class TenantCache(Generic[T]):
    """By tenant, what `read` gave not longer than `SHANNON_TENANT_TOOLS_CACHE_SECONDS` ago. Thread-safe."""

    def __init__(self, read: Callable[[UUID], Mapping[str, T]]) -> None:
        """Take what reads a tenant's rows."""
        self._read = read
        self._kept: dict[UUID, tuple[float, Mapping[str, T]]] = {}
        self._forgotten = 0  # how often anything was
        self._lock = threading.Lock()

    def of(self, tenant_id: UUID) -> Mapping[str, T]:
        """Return what the tenant has, by name."""
        kept = self._kept_of(tenant_id)
        return self._read_anew(tenant_id) if kept is None else kept

    def find(self, tenant_id: UUID, pick: Callable[[Mapping[str, T]], Found | None]) -> Found | None:
        """Return what `pick` finds among what the tenant has.

        Where it finds nothing in what is kept, it is asked once more about what there is now: what somebody has
        registered in another process is there as soon as they name it.
        """
        kept = self._kept_of(tenant_id)
        found = None if kept is None else pick(kept)
        return pick(self._read_anew(tenant_id)) if found is None else found

    def _kept_of(self, tenant_id: UUID) -> Mapping[str, T] | None:
        with self._lock:
            kept = self._kept.get(tenant_id)
        is_young = kept is not None and time.monotonic() - kept[0] < settings.SHANNON_TENANT_TOOLS_CACHE_SECONDS
        return kept[1] if kept is not None and is_young else None

    def _read_anew(self, tenant_id: UUID) -> Mapping[str, T]:
        now = time.monotonic()
        with self._lock:
            forgotten = self._forgotten
        found = self._read(tenant_id)
        with self._lock:
            if forgotten == self._forgotten:  # otherwise it may be what was read before a change
                if len(self._kept) >= settings.SHANNON_TENANT_TOOLS_CACHED_TENANTS:
                    self._kept.clear()
                self._kept[tenant_id] = (now, found)
        return found

    def forget(self, tenant_id: UUID) -> None:
        """Read it anew the next time; what others read before this transaction commits is not kept longer than that.

        Other processes see the change when what they have kept is too old.
        """
        self._forget(tenant_id)
        if transaction.get_connection().in_atomic_block:
            transaction.on_commit(partial(self._forget, tenant_id))

    def _forget(self, tenant_id: UUID) -> None:
        with self._lock:
            self._forgotten += 1
            self._kept.pop(tenant_id, None)
