"""Simple tasks, one model call each, submitted at once: how cost grows with the number of tasks."""

import time

from benchmarks.bench import Bench
from benchmarks.report import Row
from orchestration.models import Task
from orchestration.services import task_submit
from orchestration.types import TaskRequest, TaskStatus

COUNTS = (1, 10, 100, 1_000)
PATIENCE_SECONDS = 75.0
QUESTION = "Who are you?"  # answered by one model call


def tasks_rows(bench: Bench) -> list[Row]:
    """Measure from the first submit until the last task has ended."""
    principal = bench.principal()
    rows = []
    for asked in COUNTS:
        count = bench.scaled(asked) if asked > 10 else asked
        started = time.perf_counter()
        ids = [
            task_submit(principal=principal, request=TaskRequest(query=QUESTION, mode="simple")).task.id
            for _ in range(count)
        ]
        submitted_ms = (time.perf_counter() - started) * 1000
        end = time.monotonic() + PATIENCE_SECONDS
        while (done := Task.objects.filter(id__in=ids, status=TaskStatus.COMPLETED).count()) < count:
            if time.monotonic() > end:
                raise TimeoutError(f"{done} of {count} tasks ended in {PATIENCE_SECONDS:.0f} s")
            time.sleep(0.01 + count / 20_000)  # a look at a thousand tasks takes milliseconds itself
        each_ms = (time.perf_counter() - started) * 1000 / count
        rows.append(
            Row(
                key=f"tasks-{asked}",
                name=f"{count:,} simple tasks at once, one model call each",
                unit="ms a task",
                ours=each_ms,
                ours_min=each_ms,
                ours_max=each_ms,
                runs=1,
                note=f"{1000 / each_ms:.0f} tasks a second; submitting took {submitted_ms / count:.1f} ms a task",
            )
        )
    return rows
