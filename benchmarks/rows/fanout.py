"""Fan-out of no-op steps with journal, policy, budget and events, against a raw Celery chord on the same worker."""

import time

from celery import Celery, chord, signature
from celery.result import ResultSet
from django.conf import settings

from benchmarks.bench import POLL_SECONDS, Bench, task_wait
from benchmarks.report import Row, spread
from orchestration.services import fanout_submit
from policy.types import Principal

WIDTHS = (10, 100, 1_000, 10_000)
TARGET_WIDTH = 1_000
PATIENCE_SECONDS = 60.0
DRAINERS = 4


def fanout_rows(bench: Bench) -> list[Row]:
    """Measure both in turn, A B A B …, so that the machine's drift hits both alike."""
    principal = bench.principal()
    rows = []
    for asked in WIDTHS:
        width = max(10, bench.scaled(asked)) if asked > 100 else asked
        runs = 1 if asked > TARGET_WIDTH else bench.runs
        ours, raw = [], []
        for run in range(runs + 1):
            if not run and asked > TARGET_WIDTH:
                continue  # what was to be warmed is warm by now
            ours_ms, raw_ms = ours_milliseconds(principal, width) / width, _raw_chord(width) / width
            if run:  # the first of each is a warm-up
                ours.append(ours_ms)
                raw.append(raw_ms)
        middle, low, high = spread(ours)
        raw_middle = spread(raw)[0]
        rows.append(
            Row(
                key=f"fanout-{asked}",
                name=f"fan-out of {width:,} no-op steps and join",
                unit="ms a step",
                ours=middle,
                ours_min=low,
                ours_max=high,
                reference_name="raw Celery chord",
                reference=raw_middle,
                ratio=middle / raw_middle,
                target="≤ 1.0 × raw chord" if asked == TARGET_WIDTH else "",
                met=middle <= raw_middle if asked == TARGET_WIDTH else None,
                runs=runs,
            )
        )
    return rows


def ours_milliseconds(principal: Principal, width: int) -> float:
    """Return milliseconds from submit until the task is seen as done."""
    started = time.perf_counter()
    task = fanout_submit(principal=principal, width=width, concurrency_limit=DRAINERS)
    task_wait(task.id, patience_seconds=PATIENCE_SECONDS)
    return (time.perf_counter() - started) * 1000


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
