"""A tenant's queue: how many of its tasks may be open at the same time. What was accepted is never dropped."""

from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connection

from orchestration.errors import QueueFull
from orchestration.models import Task
from orchestration.types import TASK_TERMINAL
from policy.selectors import tenant_limits

LOCK_CLASS: Final = 0x5155_4555  # "QUEU"
NEAR_TASKS: Final = 20  # so near to the limit submits of a tenant are in turn, so that none passes it


def queue_admit(tenant_id: UUID) -> None:
    """Refuse a new task when the tenant's queue is full. The caller inserts it in the same transaction.

    Raises:
        QueueFull: Says the limit, how many are open, and when to try again.
    """
    own = tenant_limits(tenant_id=tenant_id).max_open_tasks
    limit = settings.SHANNON_TENANT_MAX_OPEN_TASKS if own is None else own
    count = _open_tasks(tenant_id)
    if count >= limit - NEAR_TASKS:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [LOCK_CLASS, str(tenant_id)])
        count = _open_tasks(tenant_id)
    if count >= limit:
        raise QueueFull(
            f"The tenant has {count} open tasks; at most {limit} are allowed. Wait until some have ended.",
            details={
                "limit": limit,
                "open_tasks": count,
                "retry_after_seconds": settings.SHANNON_QUEUE_FULL_RETRY_SECONDS,
            },
        )


def _open_tasks(tenant_id: UUID) -> int:
    # said as the partial index says it, so that it is used
    return Task.objects.filter(tenant_id=tenant_id).exclude(status__in=sorted(TASK_TERMINAL)).count()
