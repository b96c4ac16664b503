"""A thousand agents at once whose model takes one second: wall time, and the memory of the workers."""

import math
import time

from django.conf import settings
from django.test.utils import override_settings

from benchmarks.bench import Bench, task_wait
from benchmarks.memory import PeakMemory
from benchmarks.report import Row
from orchestration.models import Step
from orchestration.services import fanout_submit
from orchestration.types import StepStatus

AGENTS = 1_000
WARMING_AGENTS = 32  # before the clock starts: connections, plans and policies of workers that run for days are there
WORKERS = 2
TARGET_SECONDS = 6.0
TARGET_MEGABYTES = 600.0
QUESTION = "Who are you?"
# Covers what all of them set aside at once, 2.2 million; a task has 2 million by default, so that the last would wait.
BUDGET_TOKENS = 4_000_000


def agents_rows(bench: Bench) -> list[Row]:
    """Run them as one task, in two workers with a thread for each agent, and those that are kept for who comes next.

    The workers are forked from one process, as `SHANNON_WORKER_PROCESSES=2` has it; that process is counted too.
    """
    width = bench.scaled(AGENTS)
    threads = math.ceil(width / (1 - settings.SHANNON_RESERVED_SHARE) / WORKERS)
    with bench.siblings(WORKERS, threads=threads, SHANNON_OFFLINE_LATENCY_SECONDS="1") as workers:
        principal = bench.principal()
        warming = fanout_submit(
            principal=principal, width=WARMING_AGENTS, concurrency_limit=WARMING_AGENTS, instruction=QUESTION
        )
        task_wait(warming.id, patience_seconds=30.0)
        memory = PeakMemory(workers)
        memory.look()
        idle = memory.megabytes
        started = time.perf_counter()
        with override_settings(SHANNON_TASK_BUDGET_TOKENS=BUDGET_TOKENS):
            task = fanout_submit(principal=principal, width=width, concurrency_limit=width, instruction=QUESTION)
        memory.watch(task.id, patience_seconds=45.0)
        seconds = time.perf_counter() - started
    if failed := Step.objects.filter(task=task).exclude(status=StepStatus.SUCCEEDED).count():
        raise RuntimeError(f"{failed} of {width} agents did not answer")
    resident = f"resident in each, added up: {memory.resident_megabytes:.0f} MB"
    name = f"{width:,} agents at once, a model of 1 s"
    return [
        Row(
            key="agents-wall",
            name=f"{name}: wall time",
            unit="s",
            ours=seconds,
            ours_min=seconds,
            ours_max=seconds,
            target=f"≤ {TARGET_SECONDS:.0f} s",
            met=seconds <= TARGET_SECONDS,
            runs=1,
            note=f"with a budget of {BUDGET_TOKENS / 1e6:.0f} million tokens, which covers what all set aside at once",
        ),
        Row(
            key="agents-memory",
            name=f"{name}: memory of {WORKERS} workers and of what forks them",
            unit="MB",
            ours=memory.megabytes,
            ours_min=memory.megabytes,
            ours_max=memory.megabytes,
            target=f"≤ {TARGET_MEGABYTES:.0f} MB",
            met=memory.megabytes <= TARGET_MEGABYTES,
            runs=1,
            note=f"{idle:.0f} MB of that before they begin; {resident}",
        ),
    ]
