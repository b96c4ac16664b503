"""Which of a tenant's own tasks goes first, and how far a tenant may go."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from orchestration.control import task_pause, task_resume
from orchestration.engine.recover import recover
from orchestration.engine.slots import waiting_serve
from orchestration.models import Step, Task, WorkerPresence
from orchestration.types import Priority
from policy.models import AuditEntry, Tenant
from policy.services import tenant_limits_set
from policy.types import Principal, TenantLimits
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


def test_a_thousand_tasks_of_a_tenant_do_not_fill_the_queue(principal: Principal, other: Principal) -> None:
    tasks = [submitted(principal, width=8) for _ in range(40)]
    assert rung(*tasks) == SHARED
    assert Task.objects.filter(id__in=tasks, waits_since__isnull=False).count() == 38
    simple = submitted(other)
    assert rung(simple) == 1


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
