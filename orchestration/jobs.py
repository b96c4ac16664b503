"""Celery task functions. Only ids cross the queue; every job may run twice, late, or not at all."""

from collections.abc import Sequence
from uuid import UUID

from celery import shared_task

from agents.services import mcp_servers_refresh, texts_purge
from orchestration.aftermath import BATCH, aftermath_work
from orchestration.engine.control_desk import CONTROL_DESK
from orchestration.engine.crew import CREW
from orchestration.retention import months_keep
from orchestration.schedules.firing import fire
from orchestration.upkeep import upkeep


@shared_task(name="orchestration.jobs.advance", ignore_result=True)
def advance(task_id: str, tenant_id: str | None = None) -> None:
    """Move on the tasks whose turn it is, this one in its turn; `tenant_id` says whose it is if it is not in line."""
    CONTROL_DESK.serve(UUID(task_id), tenant_id=UUID(tenant_id) if tenant_id else None)


@shared_task(name="orchestration.jobs.run_steps", ignore_result=True)
def run_steps(task_id: str, first: str | None = None, others: Sequence[str] = ()) -> int:
    """Drain a task's ready steps with a drainer for `first` and one for each of the `others`, which each begins with.

    Returns how many ended here. Never raises for a step.
    """
    return CREW.work(UUID(task_id), [UUID(step_id) for step_id in (first, *others) if step_id])


@shared_task(name="orchestration.jobs.echo", ignore_result=True)
def echo() -> None:
    """Do nothing: that the message came is all that its sender, the same worker, wants to know."""


@shared_task(name="orchestration.jobs.recover", ignore_result=True)
def recover() -> None:
    """Take back expired leases, ring lost doorbells again, start runs of schedules that are due."""
    upkeep()


@shared_task(name="orchestration.jobs.aftermath", ignore_result=True)
def aftermath() -> None:
    """Remember answers of tasks that have ended, and learn from their outcomes. Routed to workers that can embed."""
    while aftermath_work() == BATCH:
        pass


@shared_task(name="orchestration.jobs.schedule_fire", ignore_result=True)
def schedule_fire(schedule_id: str) -> None:
    """Start a schedule's run if it is due."""
    fire(UUID(schedule_id))


@shared_task(name="orchestration.jobs.months", ignore_result=True)
def months() -> None:
    """Make the partitions of the months to come, drop those that are too old, remove kept texts whose time is over."""
    months_keep()
    while texts_purge():
        pass


@shared_task(name="orchestration.jobs.mcp_servers", ignore_result=True)
def mcp_servers() -> None:
    """Ask MCP servers again for their tools."""
    mcp_servers_refresh()
