"""Who gets the next free worker thread. Pure: reads numbers, gives numbers.

A *slot* is a worker thread that drains a task, or one that a drainer was sent for a moment ago. Slots are what tenants
share. While only one tenant works it may have all of them but a reserve, which lets others begin at once. While several
work each is sure of its share, in proportion to their weights (weighted max-min fairness on slots: every step of a
tenant that is below its share goes before any of one that is above). Priorities order the tasks of one tenant only:
otherwise a tenant could call everything critical.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

Place = tuple[int, datetime]
"""Where a waiting task stands among its tenant's: priority (0 first), then since when it waits."""


@dataclass(frozen=True, slots=True)
class TenantLoad:
    """What a tenant holds now. `limit` None: none of its own; `first_waiting` None: no task of it waits."""

    tenant_id: UUID
    held: int = 0
    weight: int = 1
    limit: int | None = None
    first_waiting: Place | None = None

    @property
    def level(self) -> float:
        """How well it is served: slots in proportion to its weight."""
        return self.held / self.weight

    @property
    def is_at_limit(self) -> bool:
        """Whether its own limit, not the others, keeps it from more."""
        return self.limit is not None and self.held >= self.limit


def shared_slots(capacity: int, reserved_share: float) -> int:
    """Return how many of the workers' threads are given out beyond one each; the rest is kept for who comes next."""
    if capacity <= 1:
        return capacity
    return capacity - max(1, math.floor(capacity * reserved_share))


def slots_free_for(tenant_id: UUID, loads: Mapping[UUID, TenantLoad], shared: int) -> int:
    """Return how many slots the tenant may take now beyond those that it holds; 0 or more.

    Args:
        tenant_id: Who asks; it is in `loads`.
        loads: Every tenant that holds slots or waits for one.
        shared: What `shared_slots` gave.
    """
    mine = loads[tenant_id]
    active = [load for load in loads.values() if load.held or load.first_waiting or load is mine]
    share = max(1, shared * mine.weight // sum(load.weight for load in active))
    left = shared - sum(load.held for load in active)
    if any(_goes_before(other, mine) for other in active):
        left = 0  # what is free now is theirs, but for my own share
    more = max(share - mine.held, left, 0)
    return more if mine.limit is None else max(min(more, mine.limit - mine.held), 0)


def _goes_before(other: TenantLoad, mine: TenantLoad) -> bool:
    is_worse_served = other.held / other.weight < (mine.held + 1) / mine.weight
    return other is not mine and other.first_waiting is not None and not other.is_at_limit and is_worse_served


def next_tenant(loads: Mapping[UUID, TenantLoad], shared: int, *, passed_over: Collection[UUID] = ()) -> UUID | None:
    """Return the waiting tenant whose turn it is: the worst served that may have a slot; None when there is none."""
    waiting: Iterable[tuple[float, datetime, UUID]] = (
        (load.level, load.first_waiting[1], tenant_id)
        for tenant_id, load in loads.items()
        if load.first_waiting is not None
        and tenant_id not in passed_over
        and slots_free_for(tenant_id, loads, shared) > 0
    )
    return min(waiting, default=(0.0, None, None))[2]
