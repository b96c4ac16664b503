"""Runs of schedules on the database's clock: due, missed, overlapping, refused, and paid from their own budget."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.db.models.functions import Now
from django_celery_beat.models import PeriodicTask

from orchestration import upkeep as upkeep_module
from orchestration.models import Event, Schedule, ScheduleRun, Task
from orchestration.schedules import firing
from orchestration.schedules.firing import due_fire, fire, queued_start
from orchestration.schedules.writing import (
    ScheduleSpec,
    schedule_create,
    schedule_delete,
    schedule_pause,
    schedule_resume,
    schedule_update,
)
from orchestration.services import task_submit
from orchestration.types import MissedRunPolicy, OverlapPolicy, TaskStatus
from orchestration.upkeep import upkeep
from policy.models import Budget, Tenant
from policy.services import api_key_issue, api_key_revoke, principal_authenticate, tenant_limits_set, tenant_seed
from policy.types import SCOPES, Principal, TenantLimits
from tests.integration.orchestration.playing import in_thread, play, principal, until_one_waits

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)


def scheduled(principal: Principal, **values: Any) -> Schedule:
    spec = ScheduleSpec(**{"name": "Sums", "cron_expression": "0 9 * * *", "query": "What is 2 + 2?", **values})
    return schedule_create(principal=principal, spec=spec)


def make_due(schedule: Schedule, *, late_seconds: float = 1) -> None:
    """Let the database's clock be past the next run's time."""
    Schedule.objects.filter(id=schedule.id).update(next_run_at=Now() - timedelta(seconds=late_seconds))


def outcomes(schedule: Schedule) -> list[str]:
    return list(ScheduleRun.objects.filter(schedule=schedule).order_by("due_at").values_list("outcome", flat=True))


def test_a_run_that_is_due_is_a_task_that_says_what_began_it(principal: Principal) -> None:
    schedule = scheduled(principal, timeout_seconds=60, context={"system_prompt": "Be brief."})
    assert fire(schedule.id) is False, "beat may ring too early"
    make_due(schedule)
    assert fire(schedule.id) is True
    assert fire(schedule.id) is False, "and twice"
    (run,) = ScheduleRun.objects.filter(schedule=schedule)
    assert run.task is not None
    assert (run.task.query, run.task.context, run.task.schedule_id) == (
        schedule.query,
        schedule.context,
        schedule.id,
    )
    assert (run.task.deadline_at - run.task.created_at).total_seconds() == 60
    first = Event.objects.get(task=run.task, seq=1)
    assert (first.payload["trigger_type"], first.payload["schedule_id"]) == ("schedule", str(schedule.id))
    assert play(run.task.id).status == TaskStatus.COMPLETED
    schedule.refresh_from_db()
    assert schedule.next_run_at is not None
    assert schedule.last_run_at is not None
    assert schedule.next_run_at > schedule.last_run_at


def test_beat_knows_the_schedule_and_follows_its_changes(principal: Principal) -> None:
    schedule = scheduled(principal, timezone="Europe/Berlin")
    row = PeriodicTask.objects.get(name=f"schedule {schedule.id}")
    assert (row.task, row.enabled, str(row.crontab.timezone)) == (
        "orchestration.jobs.schedule_fire",
        True,
        "Europe/Berlin",
    )
    schedule_update(principal=principal, schedule_id=schedule.id, changes={"cron_expression": "30 7 * * *"})
    schedule_pause(principal=principal, schedule_id=schedule.id)
    row.refresh_from_db()
    assert (row.crontab.minute, row.crontab.hour, row.enabled) == ("30", "7", False)
    schedule_delete(principal=principal, schedule_id=schedule.id)
    assert not PeriodicTask.objects.filter(id=row.id).exists()


def test_without_beat_a_worker_finds_what_is_due(principal: Principal) -> None:
    schedule = scheduled(principal)
    make_due(schedule)
    upkeep()
    upkeep()
    assert outcomes(schedule) == ["started"]


@pytest.mark.parametrize(
    ("policy", "expected"), [(MissedRunPolicy.SKIP, ["skipped"]), (MissedRunPolicy.ONCE, ["started"])]
)
def test_after_an_outage_of_days_missed_runs_are_skipped_or_made_up_for_once(
    principal: Principal, policy: MissedRunPolicy, expected: list[str]
) -> None:
    schedule = scheduled(principal, cron_expression="*/5 * * * *", missed_run_policy=policy)
    make_due(schedule, late_seconds=3 * 86_400)
    assert due_fire() == 1
    assert due_fire() == 0
    assert outcomes(schedule) == expected
    schedule.refresh_from_db()
    (run,) = ScheduleRun.objects.filter(schedule=schedule)
    assert schedule.next_run_at is not None
    assert schedule.next_run_at > run.triggered_at, "it goes on with the next time that is to come"


@pytest.mark.parametrize(
    ("policy", "expected", "tasks"),
    [
        (OverlapPolicy.SKIP, ["started", "skipped", "skipped"], 1),
        (OverlapPolicy.QUEUE, ["started", "queued", "queued"], 1),
        (OverlapPolicy.ALLOW, ["started", "started", "started"], 3),
    ],
)
def test_while_an_earlier_run_goes_on(
    principal: Principal, policy: OverlapPolicy, expected: list[str], tasks: int
) -> None:
    schedule = scheduled(principal, overlap_policy=policy)
    for late_seconds in (30, 20, 10):
        make_due(schedule, late_seconds=late_seconds)
        assert fire(schedule.id)
    assert outcomes(schedule) == expected
    assert Task.objects.filter(schedule=schedule).count() == tasks


def test_queued_runs_begin_one_after_the_other(principal: Principal) -> None:
    schedule = scheduled(principal, overlap_policy=OverlapPolicy.QUEUE)
    for late_seconds in (30, 20, 10):
        make_due(schedule, late_seconds=late_seconds)
        fire(schedule.id)
    assert queued_start() == 0
    for count in (2, 3):
        play(Task.objects.filter(schedule=schedule).latest("created_at").id)
        assert queued_start() == 1
        assert Task.objects.filter(schedule=schedule).count() == count
    assert outcomes(schedule) == ["started"] * 3


def test_the_budget_of_a_run_holds(principal: Principal) -> None:
    schedule = scheduled(principal, max_budget_usd=Decimal("0.000001"))
    make_due(schedule)
    fire(schedule.id)
    task = Task.objects.get(schedule=schedule)
    assert Budget.objects.get(scope="task", scope_id=task.id).limit_usd == Decimal("0.000001")
    ended = play(task.id)
    assert ended.status == TaskStatus.FAILED
    assert ended.error is not None
    assert ended.error["code"] == "BUDGET_EXCEEDED"


def test_a_run_waits_for_room_in_its_tenants_queue_and_is_not_dropped(principal: Principal) -> None:
    tenant = Tenant.objects.get(id=principal.tenant_id)
    tenant_limits_set(tenant=tenant, limits=TenantLimits(max_open_tasks=0))
    schedule = scheduled(principal)
    make_due(schedule)
    fire(schedule.id)
    assert outcomes(schedule) == ["queued"]
    tenant_limits_set(tenant=tenant, limits=TenantLimits())
    upkeep()
    assert outcomes(schedule) == ["started"]


def test_a_run_in_the_name_of_a_revoked_key_is_refused_and_says_so(principal: Principal) -> None:
    tenant = Tenant.objects.get(id=principal.tenant_id)
    issued = api_key_issue(tenant=tenant, name="robot", user_id="robot", scopes=sorted(SCOPES))
    schedule = scheduled(principal_authenticate(api_key=issued.plaintext))
    api_key_revoke(api_key=issued.row)
    make_due(schedule)
    fire(schedule.id)
    (run,) = ScheduleRun.objects.filter(schedule=schedule)
    assert (run.outcome, run.task) == ("refused", None)
    assert run.reason.startswith("API_KEY_INVALID")


def test_a_paused_schedule_begins_nothing_and_missed_nothing(principal: Principal) -> None:
    schedule = scheduled(principal, missed_run_policy=MissedRunPolicy.ONCE)
    assert schedule_pause(principal=principal, schedule_id=schedule.id, reason="holidays")
    assert not schedule_pause(principal=principal, schedule_id=schedule.id)
    assert due_fire() == 0
    assert not fire(schedule.id)
    assert schedule_resume(principal=principal, schedule_id=schedule.id)
    assert not schedule_resume(principal=principal, schedule_id=schedule.id)
    assert due_fire() == 0
    schedule.refresh_from_db()
    assert (schedule.status, schedule.pause_reason, schedule.paused_at) == ("ACTIVE", "", None)


def test_a_deleted_schedule_drops_its_waiting_runs(principal: Principal) -> None:
    schedule = scheduled(principal, overlap_policy=OverlapPolicy.QUEUE)
    for late_seconds in (20, 10):
        make_due(schedule, late_seconds=late_seconds)
        fire(schedule.id)
    schedule_delete(principal=principal, schedule_id=schedule.id)
    assert outcomes(schedule) == ["started", "skipped"]
    assert queued_start() == 0


@pytest.mark.parametrize("end", [schedule_pause, schedule_delete])
def test_a_run_that_waits_does_not_begin_while_its_schedule_is_paused_or_deleted(
    principal: Principal, end: Callable[..., object]
) -> None:
    schedule = scheduled(principal, overlap_policy=OverlapPolicy.QUEUE)
    for late_seconds in (20, 10):
        make_due(schedule, late_seconds=late_seconds)
        fire(schedule.id)
    play(Task.objects.get(schedule=schedule).id)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            end(principal=principal, schedule_id=schedule.id)  # and before that is committed, somebody looks
            began = pool.submit(in_thread, queued_start)
            until_one_waits()
        assert began.result(timeout=120) == 0
    assert outcomes(schedule) == ["started", "skipped"]
    assert Task.objects.filter(schedule=schedule).count() == 1


def test_schedules_that_cannot_begin_keep_no_others_from_it(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firing, "BATCH", 2)
    tenant = Tenant.objects.get(id=principal.tenant_id)
    busy = [scheduled(principal, name=f"busy {n}", overlap_policy=OverlapPolicy.QUEUE) for n in range(3)]
    for late_seconds in (30, 20):
        for schedule in busy:
            make_due(schedule, late_seconds=late_seconds)
            fire(schedule.id)
    full_tenant = tenant_seed(slug="full", name="Full")
    full = replace(principal, tenant_id=full_tenant.id)
    tenant_limits_set(tenant=full_tenant, limits=TenantLimits(max_open_tasks=0))
    for number in range(3):
        make_due(waits := scheduled(full, name=f"full {number}"), late_seconds=15)
        fire(waits.id)
    tenant_limits_set(tenant=tenant, limits=TenantLimits(max_open_tasks=0))
    late = [scheduled(principal, name=f"late {number}") for number in range(3)]
    for schedule in late:
        make_due(schedule, late_seconds=1)
        fire(schedule.id)
    assert [outcomes(schedule) for schedule in late] == [["queued"]] * 3
    tenant_limits_set(tenant=tenant, limits=TenantLimits())
    assert queued_start() + queued_start() == 3
    assert [outcomes(schedule) for schedule in late] == [["started"]] * 3
    assert [outcomes(schedule) for schedule in busy] == [["started", "queued"]] * 3


def test_a_schedule_that_breaks_keeps_no_others_from_their_runs(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks, whole = scheduled(principal, name="breaks", query="break"), scheduled(principal, name="whole")
    never_fires = scheduled(principal, name="has no times")
    Schedule.objects.filter(id=never_fires.id).update(timezone="Gone/Zone")

    def breaking(**values: Any) -> Any:
        if values["request"].query == "break":
            raise KeyError("tools")
        return task_submit(**values)

    monkeypatch.setattr(firing, "task_submit", breaking)
    for late_seconds, schedule in ((30, never_fires), (20, breaks), (10, whole)):
        make_due(schedule, late_seconds=late_seconds)
    upkeep()
    assert (outcomes(breaks), outcomes(whole)) == (["refused"], ["started"])
    assert ScheduleRun.objects.get(schedule=breaks).reason == "It broke; the operator's log has the rest."
    make_due(whole)
    play(Task.objects.get(schedule=whole).id)
    upkeep()
    assert outcomes(whole) == ["started"] * 2


def test_a_part_of_upkeep_that_breaks_leaves_the_others_their_turn(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = scheduled(principal)
    make_due(schedule)

    def broken() -> None:
        raise ValueError("a defect")

    monkeypatch.setattr(upkeep_module, "PARTS", (broken, *upkeep_module.PARTS[1:]))
    with pytest.raises(ExceptionGroup) as told:
        upkeep()
    assert [str(error) for error in told.value.exceptions] == ["a defect"]
    assert outcomes(schedule) == ["started"]
