"""A simple task over HTTP while another tenant has 10,000 steps ready, against the same on an idle machine."""

import statistics
from typing import Any

import httpx

from benchmarks.report import Row
from benchmarks.rows.submit import ONE_CALL, WARM_UP, one
from orchestration.models import Step, Task
from orchestration.services import fanout_submit
from orchestration.types import TASK_TERMINAL
from policy.services import tenant_limits_set, tenant_seed
from policy.types import SCOPES, Principal, TenantLimits

TASKS = 40
BACKLOGS = {"one task of 10,000 steps": (1, 10_000), "500 tasks of 20 steps": (500, 20)}
WAITING_AT_LEAST = 100  # a measurement counts as long as so many steps of the other tenant are still ready


def fairness_rows(stack: dict[str, Any], runs: int) -> list[Row]:  # noqa: ARG001 - a row of many short runs
    """Measure what the second tenant sees; the backlog is of no-ops, which cost only processor time: the worst case."""
    tenant = tenant_seed(slug="busy", name="Busy")
    tenant_limits_set(tenant=tenant, limits=TenantLimits(max_open_tasks=2_000))
    busy = Principal(tenant.id, "key:bench", "bench", frozenset(SCOPES))
    with httpx.Client(base_url=stack["base_url"], headers={"X-API-Key": stack["api_key"]}, timeout=120.0) as client:
        idle = [one(client, ONE_CALL)[1] for _ in range(TASKS + WARM_UP)][WARM_UP:]
        return [_row(name, idle, _under_load(client, busy, *shape)) for name, shape in BACKLOGS.items()]


def _under_load(client: httpx.Client, busy: Principal, tasks: int, width: int) -> list[float]:
    submitted = [fanout_submit(principal=busy, width=width, concurrency_limit=20).id for _ in range(tasks)]
    times_ms: list[float] = []
    while len(times_ms) < TASKS and _has_backlog(submitted):
        times_ms.append(one(client, ONE_CALL)[1])
    Task.objects.filter(id__in=submitted).exclude(status__in=sorted(TASK_TERMINAL)).update(status="CANCELLED")
    Step.objects.filter(task_id__in=submitted, status__in=["ready", "blocked"]).update(status="cancelled")
    return times_ms


def _has_backlog(task_ids: list[Any]) -> bool:
    not_begun = Task.objects.filter(id__in=task_ids, status="QUEUED").count()
    ready = Step.objects.filter(task_id__in=task_ids, status="ready").count()
    return not_begun > 0 or ready >= WAITING_AT_LEAST


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def _row(name: str, idle: list[float], busy: list[float]) -> Row:
    ratio = _p95(busy) / _p95(idle)
    return Row(
        name=f"simple task, p95, while another tenant has {name} ready",
        unit="ms",
        ours=_p95(busy),
        ours_min=min(busy),
        ours_max=max(busy),
        reference_name="p95, idle",
        reference=_p95(idle),
        ratio=ratio,
        target="≤ 3 × idle",
        met=ratio <= 3.0,
        runs=len(busy),
    )
