"""The compiled policies and recent decisions of this process, and when to drop them."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError

from policy.errors import PolicyInvalid
from policy.evaluation import CompiledPolicies
from policy.models import PolicyGeneration, Tenant
from policy.services.policies import sources_for
from policy.types import Decision
from shannon_project.foundation.database import in_database

TENANT_UNKNOWN = "tenant.unknown"


@dataclass(frozen=True, slots=True)
class TenantPolicies:
    """What is asked for one tenant. `compiled` is None when there is nothing to ask; `problem` says why."""

    compiled: CompiledPolicies | None
    problem: str = ""
    problem_rule: str = ""


@dataclass(slots=True)
class _Snapshot:
    """All that was derived from one generation of policies. Dropped as a whole, never repaired."""

    generation: UUID | None
    tenants: OrderedDict[UUID, TenantPolicies] = field(default_factory=OrderedDict)
    decisions: dict[object, Decision] = field(default_factory=dict)


class PolicyCache:
    """Thread-safe. Asks for the generation at most once in `SHANNON_POLICY_RECHECK_SECONDS`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._snapshot: _Snapshot | None = None
        self._checked_at = float("-inf")  # time.monotonic() of the last check

    def forget(self) -> None:
        """Load everything again at the next decision."""
        with self._lock:
            self._snapshot = None

    def generation(self) -> UUID | None:
        """Return the generation of the rules that this process knows, after a check when one is due."""
        return self._current().generation

    def of_tenant(self, tenant_id: UUID) -> tuple[TenantPolicies, dict[object, Decision]]:
        """Return the tenant's compiled policies, and what was decided since the last check of the generation.

        What is decided by these policies is added to these decisions: one by older policies never gets among those by
        newer ones. The least recently used policies are dropped first.
        """
        snapshot = self._current()
        decisions = snapshot.decisions
        with self._lock:
            known = snapshot.tenants.get(tenant_id)
            if known is not None:
                snapshot.tenants.move_to_end(tenant_id)
                return known, decisions
        # outside the lock: one tenant's first decision must not hold up the others
        loaded = in_database(lambda: _load(tenant_id))
        with self._lock:
            snapshot.tenants[tenant_id] = loaded
            while len(snapshot.tenants) > settings.SHANNON_POLICY_CACHED_TENANTS:
                snapshot.tenants.popitem(last=False)
        return loaded, decisions

    def _current(self) -> _Snapshot:
        """Return the snapshot, after a check of the generation when one is due.

        The lock is never held during a query: threads that wait for it may hold the connections that the query needs.
        """
        now = time.monotonic()
        with self._lock:
            snapshot = self._snapshot
            if snapshot is not None and now - self._checked_at < settings.SHANNON_POLICY_RECHECK_SECONDS:
                return snapshot
            self._checked_at = now  # this thread checks; the others go on with what there is
        try:
            generation = in_database(_generation)
        except DatabaseError:
            self._checked_at = float("-inf")
            raise
        with self._lock:
            if self._snapshot is None or self._snapshot.generation != generation:
                self._snapshot = _Snapshot(generation)
            else:
                self._snapshot.decisions = {}  # a policy may look at the clock
            return self._snapshot


def _generation() -> UUID | None:
    return PolicyGeneration.objects.values_list("generation", flat=True).first()


def _load(tenant_id: UUID) -> TenantPolicies:
    """Compile what holds for a tenant. Whatever goes wrong becomes a reason to deny."""
    is_active = Tenant.objects.filter(pk=tenant_id).values_list("is_active", flat=True).first()
    if is_active is None:
        return TenantPolicies(None, "There is no such tenant.", TENANT_UNKNOWN)
    if not is_active:
        return TenantPolicies(None, "The tenant is switched off.", "tenant.inactive")
    sources = sources_for(tenant_id)
    if not sources:
        return TenantPolicies(None, "No policy is active, so nothing is allowed.", "default.no_policy")
    try:
        return TenantPolicies(CompiledPolicies(sources))
    except PolicyInvalid as error:
        return TenantPolicies(
            None, f"The policies do not compile, so nothing is allowed: {error.message}", "default.invalid"
        )


POLICY_CACHE = PolicyCache()
