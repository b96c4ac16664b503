"""A task's clock. It stands still while the task is paused or waits for a person; that time is added to its deadline.

The caller holds the task's row lock.
"""

from uuid import UUID

from django.db import connection


def clock_stop(task_id: UUID) -> None:
    """Let the clock stand still; one that does already, does since then."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orchestration_task SET clock_stopped_at = COALESCE(clock_stopped_at, now()) WHERE id = %s",
            [task_id],
        )


def clock_start(task_id: UUID) -> None:
    """Let the clock go on and move the deadline, if there is nothing left for which it must stand still."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orchestration_task t SET deadline_at = deadline_at + (now() - clock_stopped_at),"
            " clock_stopped_at = NULL WHERE id = %s AND clock_stopped_at IS NOT NULL AND status <> 'PAUSED'"
            " AND NOT EXISTS (SELECT 1 FROM orchestration_approval a WHERE a.task_id = t.id AND a.status = 'pending')",
            [task_id],
        )
