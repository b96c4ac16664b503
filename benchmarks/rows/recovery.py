"""A worker is killed with SIGKILL in the middle of a step: how long until another one has it."""

import time
from uuid import UUID

import psutil

from benchmarks.bench import Bench, task_wait
from benchmarks.report import Row, spread
from orchestration.models import Step
from orchestration.services import fanout_submit

TARGET_SECONDS = 10.0
STEP_SECONDS = 4
KILLS = 2
PATIENCE_SECONDS = 25.0


def recovery_rows(bench: Bench) -> list[Row]:
    """Workers with the default times; each time the one that has the step dies."""
    kills = min(bench.runs, KILLS)
    with bench.workers(kills + 1, threads=4, SHANNON_OFFLINE_LATENCY_SECONDS=str(STEP_SECONDS)) as workers:
        seconds = [_kill_one(bench, workers) for _ in range(kills)]
    middle, low, high = spread(seconds)
    return [
        Row(
            key="recovery",
            name="kill -9 of a worker in a step → the step runs elsewhere",
            unit="s",
            ours=middle,
            ours_min=low,
            ours_max=high,
            target=f"≤ {TARGET_SECONDS:.0f} s",
            met=high <= TARGET_SECONDS,
            runs=len(seconds),
        )
    ]


def _kill_one(bench: Bench, workers: list[psutil.Process]) -> float:
    """Return the seconds from the end of a step's worker until another one has begun the step."""
    task = fanout_submit(principal=bench.principal(), width=1, concurrency_limit=1, instruction="Who are you?")
    owner = _wait_for(task.id, attempt=1)
    next(worker for worker in workers if f":{worker.pid}:" in owner).kill()
    killed = time.perf_counter()
    _wait_for(task.id, attempt=2)
    seconds = time.perf_counter() - killed
    task_wait(task.id, patience_seconds=PATIENCE_SECONDS)
    return seconds


def _wait_for(task_id: UUID, *, attempt: int) -> str:
    """Wait until the step runs in an attempt; return who has it."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        found = Step.objects.filter(task_id=task_id, status="running", attempt=attempt).first()
        if found is not None:
            return found.lease_owner
        time.sleep(0.01)
    raise TimeoutError(f"attempt {attempt} did not begin in {PATIENCE_SECONDS:.0f} s")
