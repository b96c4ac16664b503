"""Queues as metrics: how many, how old, whose; and how many labels at most."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from prometheus_client import REGISTRY
from pytest_django import Settings

from orchestration.engine.advance import task_advance
from orchestration.engine.presence import Presence
from orchestration.engine.queues import OTHERS, Measuring, queues_measure
from orchestration.models import Step, Task
from orchestration.queueing import queue_admit
from orchestration.services import fanout_submit
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
    Step.objects.filter(task=task, rung_at__isnull=False).update(rung_at=Now() - timedelta(seconds=30))
    queues_measure()
    assert (value("queue_tasks"), value("queue_steps")) == (1, 20)
    assert 30 <= (value("queue_age_seconds") or 0) < 90
    assert value("worker_threads", None) == 16
    assert (value("queue_tasks", "globex"), value("queue_age_seconds", "globex")) == (0, 0)
    Task.objects.update(status="COMPLETED")
    Step.objects.update(status="succeeded")
    queues_measure()
    assert (value("queue_tasks"), value("queue_steps"), value("queue_age_seconds")) == (0, 0, 0)


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
        queue_admit(principal.tenant_id)
