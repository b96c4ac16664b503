"""Runs of schedules: noted when they are due, begun when they may. Each time is noted once, whoever rings how often."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DataError, IntegrityError, connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now

from orchestration.errors import QueueFull
from orchestration.metrics import SCHEDULE_RUNS
from orchestration.models import Schedule, ScheduleRun
from orchestration.schedules.cron import next_after
from orchestration.services import Trigger, task_submit
from orchestration.types import (
    TASK_TERMINAL,
    MissedRunPolicy,
    OverlapPolicy,
    RunOutcome,
    ScheduleStatus,
    TaskRequest,
)
from policy.services import principal_renew
from policy.types import Principal
from shannon_project.foundation.errors import DEFECTS, ShannonError

log = structlog.get_logger(__name__)

EARLY_SECONDS: Final = 2.0  # beat's clock may be so far before the database's: then its doorbell counts all the same
BATCH: Final = 100  # schedules that one pass looks at
BROKEN: Final = (*DEFECTS, DataError, IntegrityError)
"""How a schedule breaks by a defect, its own or ours; a database that is away is none."""


def fire(schedule_id: UUID) -> bool:
    """Note the run that is due now, if one is, and begin it if it may. Returns whether one was due."""
    with transaction.atomic():
        rows = Schedule.objects.select_for_update(no_key=True, skip_locked=True)
        schedule = rows.filter(id=schedule_id, status=ScheduleStatus.ACTIVE).first()
        if schedule is None or not _note(schedule):
            return False
    try:
        _begin_next(schedule_id)
    except QueueFull as error:  # it stays queued: nothing that was due is dropped
        log.info("schedule_run_waits", schedule_id=str(schedule_id), reason=error.message)
    return True


def due_fire() -> int:
    """Fire every schedule that is due and that nobody fired: beat may be away. Returns how many were due."""
    due = Schedule.objects.filter(status=ScheduleStatus.ACTIVE, next_run_at__lte=Now()).order_by("next_run_at")
    return sum(_fire_apart(schedule_id) for schedule_id in list(due.values_list("id", flat=True)[:BATCH]))


def _fire_apart(schedule_id: UUID) -> bool:
    """Fire one schedule; one that cannot be fired must not keep those behind it from it."""
    try:
        return fire(schedule_id)
    except BROKEN:
        log.exception("schedule_not_fired", schedule_id=str(schedule_id))
        return False


def queued_start() -> int:
    """Begin runs that waited for an earlier one, or for room in their tenant's queue. Returns how many began.

    Those that cannot begin keep no others from it: schedules whose earlier run goes on are not looked at, and of a
    tenant whose queue is full only the first is.
    """
    begun, tried, full = 0, set[UUID](), set[UUID]()
    while begun < BATCH and (waiting := _waiting(tried, full)):
        for schedule_id, tenant_id in waiting:
            tried.add(schedule_id)
            if tenant_id in full:
                continue
            try:
                begun += _begin_next(schedule_id)
            except QueueFull as error:
                log.info("schedule_run_waits", schedule_id=str(schedule_id), reason=error.message)
                full.add(tenant_id)
    return begun


def _waiting(tried: set[UUID], full: set[UUID]) -> list[tuple[UUID, UUID]]:
    """Return schedules, with their tenants, that have a run which waits and may begin; the longest wait first."""
    earlier = ScheduleRun.objects.filter(schedule_id=OuterRef("id"))
    queued = earlier.filter(outcome=RunOutcome.QUEUED).order_by("due_at")
    running = _running(earlier)
    rows = Schedule.objects.filter(Exists(queued), Q(overlap_policy=OverlapPolicy.ALLOW) | ~Exists(running))
    rows = rows.exclude(id__in=tried).exclude(tenant_id__in=full)
    oldest = Subquery(queued.values("due_at")[:1])
    return list(rows.order_by(oldest, "id").values_list("id", "tenant_id")[:BATCH])


def _note(schedule: Schedule) -> bool:
    """Write down the time that is due, and set the next one. The caller holds the schedule's row lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime = cursor.fetchone()[0]
    due_at = schedule.next_run_at
    if due_at is None or due_at > now + timedelta(seconds=EARLY_SECONDS):
        return False
    reason = _reason_to_skip(schedule, late_seconds=(now - due_at).total_seconds())
    outcome = RunOutcome.SKIPPED if reason else RunOutcome.QUEUED
    ScheduleRun.objects.create(schedule=schedule, due_at=due_at, outcome=outcome, reason=reason)
    Schedule.objects.filter(id=schedule.id).update(
        next_run_at=next_after(schedule.cron_expression, schedule.timezone, max(now, due_at))
    )
    SCHEDULE_RUNS.labels(outcome=outcome).inc()
    log.info("schedule_due", schedule_id=str(schedule.id), outcome=outcome, reason=reason)
    return True


def _reason_to_skip(schedule: Schedule, *, late_seconds: float) -> str:
    """Return why the run that is due does not begin, or an empty string."""
    missed = late_seconds > settings.SHANNON_SCHEDULE_MISSED_SECONDS
    if missed and schedule.missed_run_policy == MissedRunPolicy.SKIP:
        return f"It was missed: nobody could start it for {late_seconds:.0f} s."
    if schedule.overlap_policy == OverlapPolicy.ALLOW:
        return ""
    queued = ScheduleRun.objects.filter(schedule=schedule, outcome=RunOutcome.QUEUED).count()
    if schedule.overlap_policy == OverlapPolicy.SKIP and (queued or _is_running(schedule.id)):
        return "An earlier run goes on."
    if queued >= settings.SHANNON_SCHEDULE_QUEUED_MAX:
        return f"{queued} earlier runs wait already."
    return ""


def _is_running(schedule_id: UUID) -> bool:
    return _running(ScheduleRun.objects.filter(schedule_id=schedule_id)).exists()


def _running(runs: "QuerySet[ScheduleRun]") -> "QuerySet[ScheduleRun]":
    """Return those of the runs whose task has not ended."""
    started = runs.filter(outcome=RunOutcome.STARTED, task__isnull=False)
    return started.exclude(task__status__in=sorted(TASK_TERMINAL))


def _begin_next(schedule_id: UUID) -> bool:
    """Begin the oldest run that waits, if it may begin now. Returns whether it did.

    Two processes at once submit the same run under the same key, so there is one task.

    Raises:
        QueueFull: Its tenant's queue has no room; nothing was changed.
    """
    queued = ScheduleRun.objects.filter(schedule_id=schedule_id, outcome=RunOutcome.QUEUED)
    run = queued.select_related("schedule").order_by("due_at").first()
    if run is None:
        return False
    if run.schedule.overlap_policy != OverlapPolicy.ALLOW and _is_running(schedule_id):
        return False
    return _begin(run)


def _begin(run: ScheduleRun) -> bool:
    schedule = run.schedule
    try:
        submitted = task_submit(
            principal=principal_renew(Principal.from_json(schedule.principal)),
            request=TaskRequest(query=schedule.query, context=schedule.context),
            idempotency_key=f"schedule-run:{run.id}",
            trigger=Trigger(
                schedule_id=schedule.id,
                max_budget_usd=schedule.max_budget_usd,
                timeout_seconds=schedule.timeout_seconds,
                begin=lambda: _still_wanted(run),
                complete=lambda task: _started(run, task.id),
            ),
        )
    except QueueFull:
        raise
    except _Unwanted:
        return False
    except ShannonError as error:
        log.warning("schedule_run_refused", schedule_id=str(schedule.id), code=error.code, error=error.message)
        return _close(run, RunOutcome.REFUSED, reason=f"{error.code}: {error.message}")
    except BROKEN:  # tried again, it would break again, and keep the runs of all others from beginning
        log.exception("schedule_run_broke", schedule_id=str(schedule.id))
        return _close(run, RunOutcome.REFUSED, reason="It broke; the operator's log has the rest.")
    return submitted.created or _close(run, RunOutcome.STARTED, task_id=submitted.task.id)


class _Unwanted(ShannonError):
    """The run no longer waits: its schedule was paused or deleted, or another process began it."""

    code = "SCHEDULE_RUN_UNWANTED"


def _still_wanted(run: ScheduleRun) -> None:
    """Lock the schedule, so that a pause or a deletion comes before the run's task or after it, and look again."""
    schedules = Schedule.objects.select_for_update(no_key=True)
    if schedules.filter(id=run.schedule_id, status=ScheduleStatus.ACTIVE).first() is None:
        raise _Unwanted
    if not ScheduleRun.objects.filter(id=run.id, outcome=RunOutcome.QUEUED).exists():
        raise _Unwanted


def _started(run: ScheduleRun, task_id: UUID) -> None:
    _close(run, RunOutcome.STARTED, task_id=task_id)


def _close(run: ScheduleRun, outcome: RunOutcome, **values: object) -> bool:
    values = {name: value[:500] if isinstance(value, str) else value for name, value in values.items()}
    changed = ScheduleRun.objects.filter(id=run.id, outcome=RunOutcome.QUEUED).update(outcome=outcome, **values)
    if changed:
        Schedule.objects.filter(id=run.schedule_id).update(last_run_at=Now())
        SCHEDULE_RUNS.labels(outcome=outcome).inc()
    return bool(changed) and outcome is RunOutcome.STARTED
