"""Submits a task or takes up one that runs, shows it, and says how it ended."""

from typing import Any

from rich.console import Console

from shannon_project.demo.client import ApiClient
from shannon_project.demo.run import Run
from shannon_project.demo.view import answer_show, money, run_show
from shannon_project.foundation.errors import ShannonError

_STATUS_PREFIX = "TASK_STATUS_"  # the API writes statuses as the reference system does


class TaskNotCompleted(ShannonError):
    """The task did not complete."""

    code = "TASK_NOT_COMPLETED"


def task_follow(client: ApiClient, task_id: str, *, console: Console, timeout_seconds: float) -> dict[str, Any]:
    """Show a task until it ends, then its answer and what it used.

    Args:
        client: Who asks.
        task_id: The task; one that has ended is shown from its beginning as well.
        console: Where to draw.
        timeout_seconds: How long to wait for its end.

    Returns:
        The task as the API gives it.

    Raises:
        TaskNotCompleted: It failed, timed out or was cancelled; the message says why.
        ApiRefused: The API said no.
        FollowTimeout: It did not end in time.
    """
    run_show(Run(task_id), client.follow(task_id, timeout_seconds=timeout_seconds), console)
    task = client.task(task_id)
    status = str(task["status"]).removeprefix(_STATUS_PREFIX)
    if status != "COMPLETED":
        raise TaskNotCompleted(f"Task {task_id} ended as {status}: {task.get('error') or 'no reason was given'}")
    answer_show(str(task.get("result") or ""), console)
    console.print(_usage_line(task), style="dim", highlight=False, soft_wrap=True)
    return task


def _usage_line(task: dict[str, Any]) -> str:
    usage = task.get("usage") or {}
    cost = usage.get("cost_usd") if usage.get("cost_is_complete", True) else None
    calls = f"{usage.get('model_calls', 0)} model calls, {usage.get('tool_calls', 0)} tool calls"
    return (
        f"model {task.get('model_used') or 'unknown'}: {usage.get('total_tokens', 0):,} tokens, {money(cost)}, {calls}"
    )
