"""Fan-out of no-op steps with journal, policy, budget and events, against a raw Celery chord on the same worker."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from celery import Celery, chord, signature
from celery.result import ResultSet
from django.conf import settings

from benchmarks.bench import Bench, task_wait
from benchmarks.report import Row, spread
from orchestration.services import fanout_submit
from policy.types import Principal

WIDTHS = (10, 100, 1_000, 10_000)
TARGET_WIDTH = 1_000
PATIENCE_SECONDS = 60.0
DRAINERS = 4
RAW_POLL_SECONDS = 0.002  # of waiting for a message of the broker: it costs no query


def fanout_rows(bench: Bench) -> list[Row]:
    """Measure both in turn, A B A B …, so that the machine's drift hits both alike."""
    with raw_celery() as raw:
        return [_row(bench, raw, asked) for asked in WIDTHS]


def _row(bench: Bench, raw: Celery, asked: int) -> Row:
    width = max(10, bench.scaled(asked)) if asked > 100 else asked
    runs = 1 if asked > TARGET_WIDTH else bench.runs
    principal = bench.principal()
    if asked <= TARGET_WIDTH:  # later, what was to be warmed is warm
        ours_milliseconds(principal, width)
        raw_milliseconds(raw, width)
    pairs = [(ours_milliseconds(principal, width) / width, raw_milliseconds(raw, width) / width) for _ in range(runs)]
    middle, low, high = spread([ours for ours, _ in pairs])
    raw_middle = spread([theirs for _, theirs in pairs])[0]
    return Row(
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


def ours_milliseconds(principal: Principal, width: int) -> float:
    """Return milliseconds from submit until the task is seen as done."""
    started = time.perf_counter()
    task = fanout_submit(principal=principal, width=width, concurrency_limit=DRAINERS)
    task_wait(task.id, patience_seconds=PATIENCE_SECONDS)
    return (time.perf_counter() - started) * 1000


def raw_milliseconds(raw: Celery, width: int) -> float:
    """Return milliseconds for a chord of Celery's own no-op job, sent through the same broker to the same worker.

    `follow_parents` is off: with it, a client that waits for the body asks for every header result again at each
    message that comes, which is quadratic (it made 1,000 jobs six times slower, and 10,000 never ended).
    """
    header = [signature("celery.accumulate", args=(number,), app=raw).set(queue="steps") for number in range(width)]
    body = signature("celery.accumulate", app=raw).set(queue="control")
    started = time.perf_counter()
    result = chord(header, app=raw)(body)
    try:
        result.get(timeout=PATIENCE_SECONDS, interval=RAW_POLL_SECONDS, follow_parents=False)
        return (time.perf_counter() - started) * 1000
    finally:
        result.forget()
        if isinstance(result.parent, ResultSet):
            result.parent.forget()  # while the broker is there: otherwise they unsubscribe when the interpreter ends


@contextmanager
def raw_celery() -> Iterator[Celery]:
    """Yield an application of its own with Celery's own result backend: ours does not wait for results."""
    broker = settings.CELERY_BROKER_URL
    raw = Celery("raw", broker=broker, backend=broker, set_as_current=False)
    try:
        yield raw
    finally:
        raw.close()
