"""Looking at what is remembered, one by one."""

from uuid import UUID

from django.db.models import QuerySet

from agents.models import Memory
from policy.types import Principal


def memories_newest(*, principal: Principal, limit: int) -> list[Memory]:
    """Return what the tenant's agents remembered last, without where it lies in the space of meanings."""
    return list(_memories_of(principal).order_by("-created_at", "-id")[:limit])


def memory_find(*, principal: Principal, memory_id: UUID) -> Memory | None:
    """Return one of the tenant's memories; None: it has none of this id."""
    return _memories_of(principal).filter(id=memory_id).first()


def _memories_of(principal: Principal) -> "QuerySet[Memory]":
    return Memory.objects.filter(tenant_id=principal.tenant_id).defer("embedding", "embedding_half")
