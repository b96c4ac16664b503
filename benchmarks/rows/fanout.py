"""Fan-out of no-op steps with journal, policy, budget and events, against a raw Celery chord on the same worker."""

import time
from typing import Any
from uuid import UUID

from celery import Celery, chord, signature
from celery.result import ResultSet
from django.conf import settings

from benchmarks.report import Row, spread
from orchestration.models import Task
from orchestration.services import fanout_submit
from orchestration.types import TASK_TERMINAL, TaskStatus
from policy.services import principal_authenticate
from policy.types import Principal

WIDTHS = (100, 1_000)
PATIENCE_SECONDS = 120.0
POLL_SECONDS = 0.002
DRAINERS = 4


def fanout_rows(stack: dict[str, Any], runs: int) -> list[Row]:
    """Measure both in turn, A B A B …, so that the machine's drift hits both alike."""
    principal = principal_authenticate(api_key=stack["api_key"])
    rows = []
    for width in WIDTHS:
        ours, raw = [], []
        for run in range(runs + 1):
            ours_ms, raw_ms = _ours(principal, width) / width, _raw_chord(width) / width
            if run:  # the first of each is a warm-up
                ours.append(ours_ms)
                raw.append(raw_ms)
        middle, low, high = spread(ours)
        raw_middle = spread(raw)[0]
        rows.append(
            Row(
                name=f"fan-out of {width:,} no-op steps and join",
                unit="ms a step",
                ours=middle,
                ours_min=low,
                ours_max=high,
                reference_name="raw Celery chord",
                reference=raw_middle,
                ratio=middle / raw_middle,
                target="≤ 1.0 × raw chord",
                met=middle <= raw_middle,
                runs=runs,
            )
        )
    return rows


def _ours(principal: Principal, width: int) -> float:
    """Return milliseconds from submit until the task is seen as done."""
    started = time.perf_counter()
    task = fanout_submit(principal=principal, width=width, concurrency_limit=DRAINERS)
    status = _wait(task.id)
    elapsed = time.perf_counter() - started
    if status != TaskStatus.COMPLETED:
        raise RuntimeError(f"the fan-out ended as {status}")
    return elapsed * 1000


def _wait(task_id: UUID) -> str:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        status = Task.objects.values_list("status", flat=True).get(id=task_id)
        if status in TASK_TERMINAL:
            return str(status)
        time.sleep(POLL_SECONDS)  # a client that polls, as the raw chord's own client does
    raise TimeoutError(f"the fan-out did not end in {PATIENCE_SECONDS} s")


def _raw_chord(width: int) -> float:
    """Return milliseconds for a chord of Celery's own no-op job, sent through the same broker to the same worker."""
    # an application of its own with Celery's own backend: ours does not wait for results
    raw = Celery("raw", broker=settings.CELERY_BROKER_URL, backend=settings.CELERY_BROKER_URL, set_as_current=False)
    header = [signature("celery.accumulate", args=(number,), app=raw).set(queue="steps") for number in range(width)]
    body = signature("celery.accumulate", app=raw).set(queue="control")
    started = time.perf_counter()
    result = chord(header, app=raw)(body)
    result.get(timeout=PATIENCE_SECONDS, interval=POLL_SECONDS)
    elapsed = time.perf_counter() - started
    result.forget()
    if isinstance(result.parent, ResultSet):
        result.parent.forget()  # while the broker is there: otherwise they unsubscribe when the interpreter ends
    return elapsed * 1000
