"""Slots on a real database: no tenant's backlog is in another's way, whatever its form."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.db.models.functions import Now
from pytest_django import Settings

from orchestration.control import task_pause, task_resume
from orchestration.engine import drain as draining
from orchestration.engine.advance import task_advance
from orchestration.engine.claim import steps_claim
from orchestration.engine.drain import drain
from orchestration.engine.lease import SLOW_STEP_SECONDS
from orchestration.engine.presence import Presence
from orchestration.engine.recover import recover
from orchestration.engine.slots import slot_return, waiting_serve
from orchestration.engine.step_engine import task_facts
from orchestration.engine.turns import SHORT_STEP_DRAINERS, TURNS
from orchestration.models import Step, Task, WorkerPresence
from orchestration.services import fanout_submit
from orchestration.types import PRIORITY_RANK, Priority, StepStatus, TaskStatus
from policy.models import AuditEntry, Tenant
from policy.services import tenant_limits_set, tenant_seed
from policy.types import SCOPES, Principal, TenantLimits
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 16
SHARED = 14  # but for the reserve


@pytest.fixture
def other(principal: Principal) -> Principal:
    """Somebody of a second tenant."""
    tenant = tenant_seed(slug="globex", name="Globex")
    return Principal(tenant.id, "key:test", "tester", frozenset(SCOPES))


@pytest.fixture
def capacity() -> Iterator[Callable[[int], None]]:
    """Say how many threads this process has for drainers."""
    yield TURNS.capacity_set
    TURNS.capacity_set(None)


@pytest.fixture(autouse=True)
def _worker(principal: Principal) -> None:
    Presence("worker@here:1", THREADS).tell()


def submitted(
    principal: Principal,
    width: int = 1,
    limit: int = 8,
    priority: Priority = Priority.NORMAL,
    *,
    only_computes: bool = False,
) -> UUID:
    """Submit and advance once, as the first doorbell does. Steps are agents', which wait, or do nothing."""
    asked = "" if only_computes else "Who are you?"
    task = fanout_submit(principal=principal, width=width, concurrency_limit=limit, instruction=asked)
    Task.objects.filter(id=task.id).update(priority=PRIORITY_RANK[priority])
    task_advance(task.id)
    return task.id


def rung(*task_ids: UUID) -> int:
    """Count the drainers that were sent and have not begun."""
    return Step.objects.filter(task_id__in=task_ids, status=StepStatus.READY, rung_at__isnull=False).count()


def is_waiting(task_id: UUID) -> bool:
    return Task.objects.get(id=task_id).waits_since is not None


def begin(task_id: UUID, owner: str) -> None:
    """Let a drainer that was sent begin a step, and stay at it."""
    first = Step.objects.filter(task_id=task_id, status=StepStatus.READY, rung_at__isnull=False).first()
    assert first is not None
    assert steps_claim(task_id=task_id, first=first.id, owner=owner, limit=1)


def end(task_id: UUID, count: int = 1) -> None:
    """End steps that are at work, as if their drainers had found nothing more to do."""
    running = Step.objects.filter(task_id=task_id, status=StepStatus.RUNNING)[:count]
    Step.objects.filter(id__in=[step.id for step in running]).update(status="succeeded", lease_owner="")


def test_ten_thousand_ready_steps_of_a_tenant_leave_threads_for_another_at_once(
    principal: Principal, other: Principal
) -> None:
    wide = submitted(principal, width=10_000, limit=20)
    assert rung(wide) == SHARED
    for number in range(SHARED):
        begin(wide, f"a-{number}")
    simple = submitted(other)
    assert rung(simple) == 1
    assert not is_waiting(simple)


def test_steps_that_only_compute_get_as_many_drainers_as_processes_can_use(principal: Principal) -> None:
    wide = submitted(principal, width=10_000, limit=20, only_computes=True)
    assert rung(wide) == SHORT_STEP_DRAINERS
    Presence("worker@there:1", THREADS).tell()
    task_advance(wide)
    assert rung(wide) == 2 * SHORT_STEP_DRAINERS
    begin(wide, "a-0")
    task_advance(wide)
    assert rung(wide) == 2 * SHORT_STEP_DRAINERS - 1


def test_however_many_tasks_of_a_tenant_only_compute_its_others_wait_and_are_served_in_turn(
    principal: Principal, other: Principal
) -> None:
    tasks = [submitted(principal, width=8, only_computes=True) for _ in range(4)]
    assert (rung(*tasks), rung(tasks[0])) == (SHORT_STEP_DRAINERS, SHORT_STEP_DRAINERS)
    assert [is_waiting(task_id) for task_id in tasks] == [False, True, True, True]
    agents = submitted(principal, width=3)
    assert rung(agents) == 0, "it came later than those that wait"
    busy = [submitted(other, 20, 20), submitted(other)]
    assert waiting_serve() == 0, "who cannot be served keeps nobody else from it, but there is nothing free"
    for task_id in busy:
        Task.objects.filter(id=task_id).update(status="CANCELLED")
        Step.objects.filter(task_id=task_id).update(status="cancelled")
    Step.objects.filter(task_id=tasks[0]).update(status="succeeded")
    assert waiting_serve() == 1
    assert (is_waiting(tasks[1]), rung(tasks[1]), is_waiting(tasks[2])) == (False, SHORT_STEP_DRAINERS, True)


def test_a_thousand_tasks_of_a_tenant_do_not_fill_the_queue(principal: Principal, other: Principal) -> None:
    tasks = [submitted(principal, width=8) for _ in range(40)]
    assert rung(*tasks) == SHARED
    assert Task.objects.filter(id__in=tasks, waits_since__isnull=False).count() == 38
    simple = submitted(other)
    assert rung(simple) == 1


def test_two_busy_tenants_share_alike_and_a_third_still_begins_at_once(principal: Principal, other: Principal) -> None:
    first, second = submitted(principal, 100, 20), submitted(other, 100, 20)
    assert (rung(first), rung(second)) == (SHARED, SHARED // 2)
    third_tenant = tenant_seed(slug="initech", name="Initech")
    third = submitted(Principal(third_tenant.id, "key:test", "tester", frozenset(SCOPES)))
    assert rung(third) == 1


def test_a_freed_slot_goes_to_the_tenant_that_is_served_worst(principal: Principal, other: Principal) -> None:
    busy = submitted(principal, 100, 20)
    for number in range(SHARED):
        begin(busy, f"a-{number}")
    mine, theirs = submitted(principal), [submitted(other, 8) for _ in range(2)]
    for number in range(SHARED // 2):
        begin(theirs[0], f"b-{number}")
    assert (is_waiting(mine), is_waiting(theirs[1])) == (True, True)
    end(busy, 7)
    assert waiting_serve() == 0, "both tenants have their share, and the reserve is kept"
    end(theirs[0], 3)
    assert waiting_serve() == 1
    assert (is_waiting(mine), is_waiting(theirs[1]), rung(theirs[1])) == (True, False, 3)


def test_priorities_order_the_tasks_of_a_tenant(principal: Principal) -> None:
    busy = submitted(principal, 100, 20)
    for number in range(SHARED):
        begin(busy, f"a-{number}")
    low, normal, critical, high = (
        submitted(principal, priority=priority)
        for priority in (Priority.LOW, Priority.NORMAL, Priority.CRITICAL, Priority.HIGH)
    )
    served = []
    for _ in range(4):
        end(busy)
        assert waiting_serve() == 1
        served += [
            task_id for task_id in (low, normal, critical, high) if not is_waiting(task_id) and task_id not in served
        ]
    assert served == [critical, high, normal, low]


def test_a_priority_takes_nothing_from_another_tenant(principal: Principal, other: Principal) -> None:
    busy = [submitted(principal, 8, priority=Priority.CRITICAL) for _ in range(20)]
    low = submitted(other, priority=Priority.LOW)
    assert rung(low) == 1
    assert rung(*busy) == SHARED


def test_a_new_task_does_not_overtake_one_that_waits(principal: Principal) -> None:
    busy = submitted(principal, 100, 20)
    for number in range(SHARED):
        begin(busy, f"a-{number}")
    earlier = submitted(principal)
    end(busy)
    later = submitted(principal)
    assert is_waiting(later)
    assert waiting_serve() == 1
    assert (is_waiting(earlier), is_waiting(later)) == (False, True)


def test_a_drainer_makes_room_while_others_wait_and_its_rest_waits_behind_them(
    principal: Principal, settings: Settings
) -> None:
    WorkerPresence.objects.update(threads=1)
    settings.SHANNON_DRAIN_CONTENDED_SLICE_SECONDS = 0.0
    wide, simple = submitted(principal, 200, only_computes=True), submitted(principal, only_computes=True)
    assert (rung(wide), is_waiting(simple)) == (1, True)
    ended = drain(wide, first=None)
    assert 0 < ended < 200
    assert (is_waiting(wide), is_waiting(simple), rung(simple)) == (True, False, 1)
    assert drain(simple, first=None) == 1
    assert (is_waiting(wide), rung(wide)) == (False, 1)
    assert play(wide).status == TaskStatus.COMPLETED
    assert play(simple).status == TaskStatus.COMPLETED


def test_a_tenants_own_limit_holds_and_a_change_is_audited(principal: Principal) -> None:
    tenant = Tenant.objects.get(id=principal.tenant_id)
    assert tenant_limits_set(tenant=tenant, limits=TenantLimits(max_running_steps=3), changed_by="user:ada")
    assert not tenant_limits_set(tenant=tenant, limits=TenantLimits(max_running_steps=3), changed_by="user:ada")
    tasks = [submitted(principal, 8) for _ in range(3)]
    assert rung(*tasks) == 3
    (entry,) = AuditEntry.objects.filter(action="tenant.limits")
    assert (entry.actor, entry.resource["max_running_steps"]) == ("user:ada", 3)


def test_a_paused_task_holds_up_nobody_and_keeps_its_place(principal: Principal) -> None:
    busy = submitted(principal, 100, 20)
    for number in range(SHARED):
        begin(busy, f"a-{number}")
    paused, other_task = submitted(principal), submitted(principal)
    task_pause(principal=principal, task_id=paused)
    end(busy, 2)
    assert waiting_serve() == 1
    assert (is_waiting(paused), is_waiting(other_task)) == (True, False)
    task_resume(principal=principal, task_id=paused)
    assert waiting_serve() == 1
    assert not is_waiting(paused)


def test_recovery_serves_what_nobody_served_and_rings_no_task_that_waits(principal: Principal) -> None:
    WorkerPresence.objects.update(threads=1)
    first, second = submitted(principal), submitted(principal)
    long_ago = Now() - timedelta(seconds=60)
    Task.objects.filter(id__in=[first, second]).update(doorbell_at=Now() + timedelta(seconds=60))
    Task.objects.filter(id=second).update(doorbell_at=long_ago)
    assert recover().tasks_rung == 0
    Step.objects.filter(task_id=first).update(rung_at=long_ago)  # its worker died before it began
    assert recover().tasks_served == 1
    assert rung(second) == 1


def test_a_worker_that_is_not_heard_of_any_more_has_nothing_to_share(principal: Principal) -> None:
    Presence("worker@there:1", 4).tell()
    WorkerPresence.objects.filter(name="worker@here:1").update(seen_at=Now() - timedelta(minutes=1))
    assert rung(submitted(principal, 100, 20)) == 3
    Presence("worker@there:1", 4).leave()
    assert list(WorkerPresence.objects.values_list("name", flat=True)) == ["worker@here:1"]


def test_a_drainer_asks_once_more_whether_somebody_waits(principal: Principal) -> None:
    task_id = submitted(principal, 200, 1, only_computes=True)
    asked: list[str] = []

    def note(execute: Callable[..., object], sql: str, *args: object) -> object:
        asked.append(sql)
        return execute(sql, *args)

    with connection.execute_wrapper(note):
        assert drain(task_id, first=None) == 200
    assert len([sql for sql in asked if sql.startswith("SELECT EXISTS (SELECT 1 FROM orchestration_task")]) == 1
    assert not [sql for sql in asked if "orchestration_workerpresence" in sql]


def test_a_drainer_that_finds_no_thread_gives_its_slot_back_and_its_task_is_served_when_one_is_free(
    principal: Principal, other: Principal, capacity: Callable[[int], None]
) -> None:
    capacity(2)  # one of them is kept for a tenant that has none yet
    refused, light = submitted(principal, only_computes=True), submitted(other, only_computes=True)
    with ThreadPoolExecutor(1) as elsewhere, ExitStack() as at_work:
        elsewhere.submit(at_work.enter_context, TURNS.drainer(principal.tenant_id)).result()
        first = Step.objects.get(task_id=refused)
        assert drain(refused, first=first.id) == 0
        assert (is_waiting(refused), rung(refused)) == (True, 0)
        assert drain(light, first=None) == 1, "another tenant's is done at once; its drainer then serves who waits"
        elsewhere.submit(at_work.close).result()
    assert (is_waiting(refused), rung(refused)) == (False, 1)
    assert drain(refused, first=first.id) == 1


def test_a_slot_that_is_given_back_makes_no_task_wait_on_which_others_work(
    principal: Principal, capacity: Callable[[int], None]
) -> None:
    capacity(2)
    task_id = submitted(principal, 3)
    begin(task_id, "a-0")
    first = Step.objects.filter(task_id=task_id, status=StepStatus.READY, rung_at__isnull=False)[0]
    slot_return(task_id, first.id)
    assert (is_waiting(task_id), rung(task_id)) == (False, 1)


def test_no_more_drainers_than_can_compute_do_a_tasks_short_steps(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draining, "SHORT_STEP_SECONDS", float("inf"))
    task_id = submitted(principal, 200, only_computes=True)
    with ExitStack() as others:
        for _ in range(SHORT_STEP_DRAINERS):
            assert others.enter_context(TURNS.hurry())(task_id)
        assert drain(task_id, first=None) == 1, "its first step showed that they are short; others do them"
    assert drain(task_id, first=None) == 199


def test_a_task_whose_steps_prove_long_after_all_is_rung_for(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung_for: list[UUID] = []
    monkeypatch.setattr(draining, "ring_advance", lambda task_id, *_: rung_for.append(task_id))
    run = draining.Drain(task_facts(submitted(principal)), "owner", claim_size=16, hurries=True)
    for seconds in (0.01, SLOW_STEP_SECONDS, SLOW_STEP_SECONDS):
        draining._pace_note(run, seconds)
    assert (run.claim_size, rung_for) == (1, [run.facts.task_id])
