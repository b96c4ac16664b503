"""Tenants share the workers: however much one has, another's task begins."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from orchestration.engine.advance import Advanced, task_advance
from orchestration.engine.presence import Presence
from orchestration.engine.slots import waiting_serve
from orchestration.engine.turns import SHORT_STEP_DRAINERS
from orchestration.models import Step, Task, WorkerPresence
from orchestration.services import fanout_submit
from orchestration.types import Priority
from policy.services import tenant_seed
from policy.types import SCOPES, Principal
from tests.integration.orchestration.fairness.crowd import (
    SHARED,
    _worker,
    begin,
    end,
    is_waiting,
    other,
    rung,
    submitted,
)
from tests.integration.orchestration.playing import principal

__all__ = ["_worker", "other", "principal"]
pytestmark = pytest.mark.django_db(transaction=True)


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


def test_whoever_begins_a_task_for_which_its_tenant_has_no_thread_left_is_told(
    principal: Principal, other: Principal
) -> None:
    assert rung(submitted(principal, 100, 20)) == SHARED
    more, others = (fanout_submit(principal=each, width=2, concurrency_limit=2).id for each in (principal, other))
    assert task_advance(more) is Advanced.WAITS
    assert is_waiting(more)
    assert task_advance(more) is Advanced.MOVED, "it has begun already"
    assert task_advance(others) is Advanced.MOVED


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


def test_a_priority_takes_nothing_from_another_tenant(principal: Principal, other: Principal) -> None:
    busy = [submitted(principal, 8, priority=Priority.CRITICAL) for _ in range(20)]
    low = submitted(other, priority=Priority.LOW)
    assert rung(low) == 1
    assert rung(*busy) == SHARED


def test_a_worker_that_is_not_heard_of_any_more_has_nothing_to_share(principal: Principal) -> None:
    Presence("worker@there:1", 4).tell()
    WorkerPresence.objects.filter(name="worker@here:1").update(seen_at=Now() - timedelta(minutes=1))
    assert rung(submitted(principal, 100, 20)) == 3
    Presence("worker@there:1", 4).leave()
    assert list(WorkerPresence.objects.values_list("name", flat=True)) == ["worker@here:1"]
