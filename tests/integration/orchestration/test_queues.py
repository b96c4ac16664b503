"""Queues as metrics: how many, how old, whose; and how many labels at most."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from prometheus_client import REGISTRY
from pytest_django import Settings

from orchestration.approvals import approval_decide
from orchestration.engine.advance import task_advance
from orchestration.engine.claim import steps_claim
from orchestration.engine.outcome import StepEnd, outcomes_write
from orchestration.engine.presence import Presence
from orchestration.engine.queues import OTHERS, Measuring, queues_measure
from orchestration.engine.recover import recover
from orchestration.models import Approval, Step, Task
from orchestration.queueing import queue_admit, queue_sent
from orchestration.services import fanout_submit, task_submit
from orchestration.types import StepOutcome, StepStatus, TaskRequest
from policy.models import Tenant
from policy.services import tenant_seed
from policy.types import Principal
from tests.integration.orchestration.playing import principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)


def value(name: str, tenant: str | None = "acme") -> float | None:
    return REGISTRY.get_sample_value(f"shannon_orchestration_{name}", {"tenant": tenant} if tenant else {})


def test_depth_and_age_are_told_for_each_tenant(principal: Principal) -> None:
    tenant_seed(slug="globex", name="Globex")
    Presence("worker@here:1", 16).tell()
    task = fanout_submit(principal=principal, width=20, concurrency_limit=4)
    task_advance(task.id)
    Step.objects.filter(task=task, position=19).update(created_at=Now() - timedelta(seconds=30))
    queues_measure()
    assert (value("queue_tasks"), value("queue_steps")) == (1, 20)
    assert 30 <= (value("queue_age_seconds") or 0) < 90
    assert value("worker_threads", None) == 16
    assert (value("queue_tasks", "globex"), value("queue_age_seconds", "globex")) == (0, 0)
    Task.objects.update(status="COMPLETED")
    Step.objects.update(status="succeeded")
    queues_measure()
    assert (value("queue_tasks"), value("queue_steps"), value("queue_age_seconds")) == (0, 0, 0)


def test_a_step_is_as_old_as_its_being_claimable(principal: Principal) -> None:
    """Whether its dependencies ended just now, it is to be tried again, or it was taken from a lost worker."""
    task = fanout_submit(principal=principal, width=1, concurrency_limit=4, join=True)
    task_advance(task.id)
    Step.objects.update(created_at=Now() - timedelta(hours=1))
    (step,) = steps_claim(task_id=task.id, first=None, owner="w", limit=1)
    Step.objects.filter(id=step.step_id).update(lease_until=Now() - timedelta(seconds=1))
    assert recover().steps == 1
    queues_measure()
    assert (value("queue_steps"), (value("queue_age_seconds") or 0) < 600) == (1, True)
    (step,) = steps_claim(task_id=task.id, first=None, owner="w", limit=1)
    ended = StepEnd(step, StepStatus.SUCCEEDED, StepOutcome(output={"done": True}))
    assert outcomes_write(task.id, [ended]).newly_ready == 1
    queues_measure()
    assert (value("queue_steps"), (value("queue_age_seconds") or 0) < 600) == (1, True)


def test_a_task_that_nobody_has_advanced_yet_has_an_age_too(principal: Principal) -> None:
    task = fanout_submit(principal=principal, width=20, concurrency_limit=4)
    Task.objects.filter(id=task.id).update(created_at=Now() - timedelta(seconds=30))
    queues_measure()
    assert (value("queue_tasks_not_begun"), value("queue_steps")) == (1, 0)
    assert 30 <= (value("queue_age_seconds") or 0) < 90
    task_advance(task.id)
    queues_measure()
    assert value("queue_tasks_not_begun") == 0
    assert (value("queue_age_seconds") or 0) < 30


def test_a_task_that_waited_for_a_person_is_as_old_as_the_decision(principal: Principal) -> None:
    asked = TaskRequest(query="Who are you?", mode="simple", require_approval=True)
    task = task_submit(principal=principal, request=asked).task
    Task.objects.filter(id=task.id).update(created_at=Now() - timedelta(hours=1))
    queues_measure()
    assert (value("queue_tasks_not_begun"), value("queue_age_seconds")) == (0, 0)
    approval = Approval.objects.get(task=task)
    approval_decide(principal=principal, approval_id=approval.id, task_id=task.id, approved=True)
    queues_measure()
    assert value("queue_tasks_not_begun") == 1
    assert 0 <= (value("queue_age_seconds") or 0) < 600


def test_tenants_beyond_the_bound_are_counted_together(principal: Principal, settings: Settings) -> None:
    settings.SHANNON_METRICS_TENANTS_MAX = 1
    later = [tenant_seed(slug=f"later-{number}", name="Later") for number in range(3)]
    for tenant in later[:2]:
        fanout_submit(principal=Principal(tenant.id, "key:test", "tester"), width=1, concurrency_limit=1)
    queues_measure()
    assert value("queue_tasks", OTHERS) == 2
    assert value("queue_tasks", "later-0") is None
    assert Tenant.objects.filter(slug=OTHERS).count() == 0


def test_queues_are_not_measured_at_every_pass(principal: Principal) -> None:
    measuring = Measuring()
    assert [measuring.maybe() for _ in range(3)] == [True, False, False]


def test_a_place_in_the_queue_costs_one_query(principal: Principal, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(1):  # type: ignore[operator]
        queue_admit(principal.tenant_id, queue_sent(principal.tenant_id))
