"""A tenant's queue: how many of its tasks may be open at the same time. What was accepted is never dropped."""

from typing import Final
from uuid import UUID

from django.conf import settings

from orchestration.errors import QueueFull
from orchestration.types import TASK_TERMINAL
from shannon_project.foundation.database import prepared_cursor
from shannon_project.foundation.locks import advisory_lock_take

LOCK_CLASS: Final = 0x5155_4555  # "QUEU"
_TERMINAL: Final = tuple(sorted(TASK_TERMINAL))
_LIMIT_AND_COUNT: Final = f"""
    SELECT n.max_open_tasks, (SELECT count(*) FROM orchestration_task t
        WHERE t.tenant_id = n.id AND NOT (t.status IN ({", ".join(["%s"] * len(_TERMINAL))})))
    FROM policy_tenant n WHERE n.id = %s
"""  # noqa: S608 - placeholders only; said as the partial index says it, so that it is used
NEAR_TASKS: Final = 20  # so near to the limit submits of a tenant are in turn, so that none passes it


def queue_admit(tenant_id: UUID) -> None:
    """Refuse a new task when the tenant's queue is full. The caller inserts it in the same transaction.

    Raises:
        QueueFull: Says the limit, how many are open, and when to try again.
    """
    own, count = _limit_and_open_tasks(tenant_id)
    limit = settings.SHANNON_TENANT_MAX_OPEN_TASKS if own is None else own
    if count >= limit - NEAR_TASKS:
        advisory_lock_take(LOCK_CLASS, str(tenant_id))
        _, count = _limit_and_open_tasks(tenant_id)
    if count >= limit:
        raise QueueFull(
            f"The tenant has {count} open tasks; at most {limit} are allowed. Wait until some have ended.",
            details={
                "limit": limit,
                "open_tasks": count,
                "retry_after_seconds": settings.SHANNON_QUEUE_FULL_RETRY_SECONDS,
            },
        )


def _limit_and_open_tasks(tenant_id: UUID) -> tuple[int | None, int]:
    """Return the tenant's own limit and how many tasks it has open. One query, as every submit asks it."""
    with prepared_cursor() as cursor:
        cursor.execute(_LIMIT_AND_COUNT, [*_TERMINAL, tenant_id])
        limit, count = cursor.fetchone()
        return limit, count
