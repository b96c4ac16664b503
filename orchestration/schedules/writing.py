"""Changes of schedules. Callers pass a principal; every write is its tenant's."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from orchestration.errors import ScheduleInvalid, ScheduleLimitReached, ScheduleNotFound
from orchestration.idempotency import key_claim, request_digest
from orchestration.limits import query_check
from orchestration.models import IdempotencyRecord, Schedule, ScheduleRun
from orchestration.options import approval_options, context_check, request_checked, review_options
from orchestration.schedules.beat import beat_forget, beat_write
from orchestration.schedules.cron import cron_check, next_after
from orchestration.types import MissedRunPolicy, OverlapPolicy, RunOutcome, ScheduleStatus, TaskRequest
from policy.types import Principal
from shannon_project.foundation.locks import advisory_lock_take

ENDPOINT: Final = "schedules"
LOCK_CLASS: Final = 0x5343_4845  # "SCHE"


@dataclass(frozen=True, slots=True)
class ScheduleSpec:
    """All that a caller says of a schedule; times are of `timezone`, the budget and the timeout of one run."""

    name: str
    cron_expression: str
    query: str
    description: str = ""
    timezone: str = "UTC"
    context: Mapping[str, Any] = field(default_factory=dict)
    max_budget_usd: Decimal | None = None
    timeout_seconds: int | None = None
    overlap_policy: OverlapPolicy = OverlapPolicy.SKIP
    missed_run_policy: MissedRunPolicy = MissedRunPolicy.SKIP


def schedule_create(*, principal: Principal, spec: ScheduleSpec, idempotency_key: str | None = None) -> Schedule:
    """Make a schedule; its runs act in the principal's name.

    Raises:
        ScheduleInvalid, InvalidInput: What is asked for cannot be done (the caller's fault).
        ScheduleLimitReached: The tenant has too many.
        IdempotencyMismatch: The key was used with another body.
    """
    _check(spec)
    digest = request_digest(asdict(spec))
    with transaction.atomic():
        record = None
        if idempotency_key:
            record, earlier = key_claim(
                principal=principal,
                endpoint=ENDPOINT,
                key=idempotency_key,
                digest=digest,
                made=lambda record: record.schedule_id,
            )
            if earlier is not None:
                return Schedule.objects.get(id=earlier)
        _room_check(principal)
        schedule = Schedule.objects.create(
            tenant_id=principal.tenant_id,
            principal=principal.as_json(),
            user_id=principal.user_id,
            next_run_at=next_after(spec.cron_expression, spec.timezone, _now()),
            **_columns(spec),
        )
        beat_write(schedule)
        if record is not None:
            IdempotencyRecord.objects.filter(id=record.id).update(schedule=schedule)
    return Schedule.objects.get(id=schedule.id)


def schedule_update(*, principal: Principal, schedule_id: UUID, changes: Mapping[str, Any]) -> Schedule:
    """Change fields of `ScheduleSpec`; the others stay. A run that is under way is not touched.

    From then on it runs in the name of whoever changed it: nobody's words are worked on with another one's rights.

    Raises:
        ScheduleNotFound: There is no such schedule of the tenant.
        ScheduleInvalid, InvalidInput: What comes out cannot be done (the caller's fault).
    """
    with transaction.atomic():
        schedule = _locked(principal, schedule_id)
        spec = replace(spec_of(schedule), **changes)
        _check(spec)
        times_changed = {"cron_expression", "timezone"} & set(changes)
        for name, value in _columns(spec).items():
            setattr(schedule, name, value)
        schedule.principal, schedule.user_id = principal.as_json(), principal.user_id
        if times_changed and schedule.status == ScheduleStatus.ACTIVE:
            schedule.next_run_at = next_after(spec.cron_expression, spec.timezone, _now())
        schedule.updated_at = _now()
        schedule.save()
        beat_write(schedule)
    return schedule


def schedule_pause(*, principal: Principal, schedule_id: UUID, reason: str = "") -> bool:
    """Begin no more runs until it is resumed. Returns False when it was paused already.

    Raises:
        ScheduleNotFound: There is no such schedule of the tenant.
    """
    with transaction.atomic():
        schedule = _locked(principal, schedule_id)
        if schedule.status == ScheduleStatus.PAUSED:
            return False
        schedule.status, schedule.pause_reason = ScheduleStatus.PAUSED, reason[:500]
        schedule.paused_at = schedule.updated_at = _now()
        schedule.next_run_at = None
        schedule.save()
        beat_write(schedule)
        _queued_skip(schedule, "The schedule was paused.")
    return True


def schedule_resume(*, principal: Principal, schedule_id: UUID) -> bool:
    """Go on with the next time; what was due meanwhile was not missed, it was not wanted. False: it was not paused.

    Raises:
        ScheduleNotFound: There is no such schedule of the tenant.
    """
    with transaction.atomic():
        schedule = _locked(principal, schedule_id)
        if schedule.status != ScheduleStatus.PAUSED:
            return False
        schedule.status, schedule.pause_reason, schedule.paused_at = ScheduleStatus.ACTIVE, "", None
        schedule.updated_at = _now()
        schedule.next_run_at = next_after(schedule.cron_expression, schedule.timezone, schedule.updated_at)
        schedule.save()
        beat_write(schedule)
    return True


def schedule_delete(*, principal: Principal, schedule_id: UUID) -> None:
    """Begin no more runs and hide it; its tasks stay.

    Raises:
        ScheduleNotFound: There is no such schedule of the tenant.
    """
    with transaction.atomic():
        schedule = _locked(principal, schedule_id)
        beat_forget(schedule)
        Schedule.objects.filter(id=schedule.id).update(
            status=ScheduleStatus.DELETED, next_run_at=None, updated_at=Now()
        )
        _queued_skip(schedule, "The schedule was deleted.")


def spec_of(schedule: Schedule) -> ScheduleSpec:
    """Return what was said of a schedule."""
    values = {name: getattr(schedule, name) for name in ScheduleSpec.__dataclass_fields__}
    values["overlap_policy"] = OverlapPolicy(schedule.overlap_policy)
    values["missed_run_policy"] = MissedRunPolicy(schedule.missed_run_policy)
    return ScheduleSpec(**values)


def _columns(spec: ScheduleSpec) -> dict[str, Any]:
    return {**asdict(spec), "context": dict(spec.context)}


def _check(spec: ScheduleSpec) -> None:
    request = TaskRequest(query=spec.query, context=spec.context)
    query_check(request)
    request_checked(request)
    context_check(spec.context)
    approval_options(spec.context)
    review_options(spec.context)
    cron_check(spec.cron_expression, spec.timezone, min_interval_seconds=settings.SHANNON_SCHEDULE_MIN_INTERVAL_SECONDS)
    budget, limit = spec.max_budget_usd, settings.SHANNON_TASK_BUDGET_USD
    if budget is not None and not 0 < budget <= limit:
        raise ScheduleInvalid(f"max_budget_per_run_usd: must be above 0 and at most {limit}, a task's own budget.")
    seconds, longest = spec.timeout_seconds, settings.SHANNON_TASK_DEADLINE_SECONDS
    if seconds is not None and not 0 < seconds <= longest:
        raise ScheduleInvalid(f"timeout_seconds: must be from 1 to {longest:.0f}, a task's own time.")


def _room_check(principal: Principal) -> None:
    advisory_lock_take(LOCK_CLASS, str(principal.tenant_id))  # in turn, so that none of two passes the limit
    limit = settings.SHANNON_SCHEDULES_MAX
    kept = Schedule.objects.filter(tenant_id=principal.tenant_id).exclude(status=ScheduleStatus.DELETED)
    if kept.count() >= limit:
        raise ScheduleLimitReached(f"The tenant has {limit} schedules, which is the limit; delete one.")


def _locked(principal: Principal, schedule_id: UUID) -> Schedule:
    rows = Schedule.objects.select_for_update(no_key=True).exclude(status=ScheduleStatus.DELETED)
    schedule = rows.filter(id=schedule_id, tenant_id=principal.tenant_id).first()
    if schedule is None:
        raise ScheduleNotFound
    return schedule


def _queued_skip(schedule: Schedule, reason: str) -> None:
    queued = ScheduleRun.objects.filter(schedule=schedule, outcome=RunOutcome.QUEUED)
    queued.update(outcome=RunOutcome.SKIPPED, reason=reason)


def _now() -> datetime:
    """The database's clock is the only one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime = cursor.fetchone()[0]
        return now
