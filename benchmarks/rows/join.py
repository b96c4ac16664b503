"""A join of a thousand results of 100 kB: the memory of the worker."""

from benchmarks.bench import Bench
from benchmarks.memory import PeakMemory
from benchmarks.report import Row
from orchestration.services import fanout_submit

RESULTS = 1_000
RESULT_BYTES = 100_000
TARGET_MEGABYTES = 300.0
RAW_CHORD_MEGABYTES = 1_067.0  # through Celery's result backend, measured once (decision 0002)


def join_rows(bench: Bench) -> list[Row]:
    """Run steps that return a text each, and a synthesis that reads all of them, in one worker of its own."""
    width = bench.scaled(RESULTS)
    with bench.workers(1, threads=8) as workers:
        memory = PeakMemory(workers)
        memory.look()
        idle = memory.megabytes
        task = fanout_submit(
            principal=bench.principal(), width=width, concurrency_limit=8, output_bytes=RESULT_BYTES, join=True
        )
        memory.watch(task.id, patience_seconds=45.0)
    return [
        Row(
            key="join-memory",
            name=f"join of {width:,} results of 100 kB: memory of the worker",
            unit="MB",
            ours=memory.megabytes,
            ours_min=idle,
            ours_max=memory.megabytes,
            target=f"≤ {TARGET_MEGABYTES:.0f} MB",
            met=memory.megabytes <= TARGET_MEGABYTES,
            runs=1,
            note=f"{idle:.0f} MB of that before the first step; a raw chord's worker had {RAW_CHORD_MEGABYTES:.0f} MB",
        )
    ]
