"""Waiting for the end of a task without holding a thread or a database connection."""

import asyncio
from contextlib import aclosing
from uuid import UUID

from orchestration.events.follow import follow
from shannon_project.foundation.errors import ShannonError


class ToolStillRunning(ShannonError):
    """The tool has not ended in the time that a request may wait; follow its task instead."""

    code = "TOOL_STILL_RUNNING"
    http_status = 504


async def task_end_wait(task_id: UUID, *, timeout_seconds: float) -> None:
    """Return when the task has ended.

    Args:
        task_id: The task.
        timeout_seconds: How long to wait.

    Raises:
        ToolStillRunning: It goes on; `details.task_id` names it.
    """
    try:
        async with asyncio.timeout(timeout_seconds), aclosing(follow(task_id)) as items:
            async for _ in items:
                pass
    except TimeoutError as error:
        raise ToolStillRunning(details={"task_id": str(task_id), "waited_seconds": timeout_seconds}) from error
