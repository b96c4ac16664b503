"""A tenant's queue: how many of its tasks may be open at the same time. What was accepted is never dropped."""

from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.backends.utils import CursorWrapper

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
_NEAR: Final[set[UUID]] = set()  # tenants that were so near when this process last looked


def queue_sent(tenant_id: UUID) -> CursorWrapper:
    """Send the question how full a tenant's queue is, to be read by `queue_admit`.

    Of a tenant that was near to its limit the answer is waited for, so that what is refused has written nothing.

    Raises:
        QueueFull: As `queue_admit`.
    """
    if tenant_id in _NEAR:
        _check(*_look(tenant_id))
    cursor = prepared_cursor()
    cursor.execute(_LIMIT_AND_COUNT, [*_TERMINAL, tenant_id])
    return cursor


def queue_admit(tenant_id: UUID, sent: CursorWrapper) -> None:
    """Refuse a new task when the tenant's queue is full. The caller has inserted it in the same transaction.

    Args:
        tenant_id: Whose it is.
        sent: The question, sent before the task was inserted.

    Raises:
        QueueFull: Says the limit, how many are open, and when to try again.
    """
    with sent:
        limit, count = _known(*sent.fetchone())
    if count < limit - NEAR_TASKS:
        _NEAR.discard(tenant_id)
        return
    _NEAR.add(tenant_id)
    advisory_lock_take(LOCK_CLASS, str(tenant_id))
    limit, count = _look(tenant_id)
    _check(limit, count - 1)  # the new one is seen by its own transaction


def _check(limit: int, count: int) -> None:
    if count >= limit:
        raise QueueFull(
            f"The tenant has {count} open tasks; at most {limit} are allowed. Wait until some have ended.",
            details={
                "limit": limit,
                "open_tasks": count,
                "retry_after_seconds": settings.SHANNON_QUEUE_FULL_RETRY_SECONDS,
            },
        )


def _look(tenant_id: UUID) -> tuple[int, int]:
    """Return how many tasks a tenant may have open, and how many it has. One query."""
    with prepared_cursor() as cursor:
        cursor.execute(_LIMIT_AND_COUNT, [*_TERMINAL, tenant_id])
        return _known(*cursor.fetchone())


def _known(own: int | None, count: int) -> tuple[int, int]:
    return settings.SHANNON_TENANT_MAX_OPEN_TASKS if own is None else own, count
