"""Reads of schedules. Whatever leaves is filtered by the principal's tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q

from orchestration.errors import ScheduleNotFound
from orchestration.models import Schedule, ScheduleRun
from orchestration.types import RunOutcome, ScheduleStatus, TaskStatus
from policy.types import Principal


@dataclass(frozen=True, slots=True)
class RunCounts:
    """What became of a schedule's times. Those that were skipped are not among `total`."""

    total: int = 0
    successful: int = 0
    failed: int = 0
    skipped: int = 0


def schedule_for(*, principal: Principal, schedule_id: UUID) -> Schedule:
    """Return a schedule of the principal's tenant.

    Raises:
        ScheduleNotFound: There is none, or it was deleted.
    """
    rows = Schedule.objects.exclude(status=ScheduleStatus.DELETED)
    schedule = rows.filter(id=schedule_id, tenant_id=principal.tenant_id).first()
    if schedule is None:
        raise ScheduleNotFound(details={"schedule_id": str(schedule_id)})
    return schedule


def schedules_page(
    *, principal: Principal, limit: int, offset: int, status: str | None = None
) -> tuple[list[Schedule], int]:
    """Return one page of the tenant's schedules, newest first, and how many there are."""
    rows = Schedule.objects.filter(tenant_id=principal.tenant_id).exclude(status=ScheduleStatus.DELETED)
    if status:
        rows = rows.filter(status=status)
    return list(rows.order_by("-created_at", "-id")[offset : offset + limit]), rows.count()


def run_counts(schedule_ids: Sequence[UUID]) -> dict[UUID, RunCounts]:
    """Return the counts of several schedules in one query."""
    failed = Q(outcome=RunOutcome.REFUSED) | Q(task__status__in=[TaskStatus.FAILED, TaskStatus.TIMEOUT])
    rows = ScheduleRun.objects.filter(schedule_id__in=schedule_ids).values("schedule_id")
    counted = rows.annotate(
        total=Count("id", filter=Q(outcome__in=[RunOutcome.STARTED, RunOutcome.REFUSED])),
        successful=Count("id", filter=Q(task__status=TaskStatus.COMPLETED)),
        failed=Count("id", filter=failed),
        skipped=Count("id", filter=Q(outcome=RunOutcome.SKIPPED)),
    )
    return {
        row["schedule_id"]: RunCounts(row["total"], row["successful"], row["failed"], row["skipped"]) for row in counted
    }


def runs_page(*, schedule_id: UUID, limit: int, offset: int) -> tuple[list[ScheduleRun], int]:
    """Return one page of a schedule's runs, newest first, and how many there are. The caller has checked whose."""
    rows = ScheduleRun.objects.filter(schedule_id=schedule_id)
    found = rows.select_related("task", "schedule").order_by("-due_at")[offset : offset + limit]
    return list(found), rows.count()
