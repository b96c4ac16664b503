"""Where the time goes: round trips to Postgres, and the time that they take, of each part of a task's way."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any
from uuid import UUID

from agents.services import worker_warm
from benchmarks.bench import CONSUMERS, Bench
from benchmarks.report import Row
from benchmarks.waits import waits_counted
from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.models import Step
from orchestration.services import fanout_submit, task_submit
from orchestration.types import TaskRequest

TASKS = 20
WARM_UP = 3
QUESTION = "Who are you?"  # answered by one model call
FAN_OUT_STEPS = 1_000


@dataclass(slots=True)
class Part:
    """What a part of a task's way cost, each time that it was gone."""

    name: str
    round_trips: list[float] = field(default_factory=list)
    postgres_ms: list[float] = field(default_factory=list)
    total_ms: list[float] = field(default_factory=list)
    per: str = "task"

    def row(self) -> Row:
        """Return it as a row: the figure is round trips."""
        trips, postgres, total = (median(values) for values in (self.round_trips, self.postgres_ms, self.total_ms))
        return Row(
            key=f"trips-{self.name.split(':')[0].replace(' ', '-')}",
            name=f"where the time goes: {self.name}",
            unit=f"trips a {self.per}",
            ours=trips,
            ours_min=min(self.round_trips),
            ours_max=max(self.round_trips),
            runs=len(self.round_trips),
            note=f"{total:.2f} ms a {self.per}, of which {postgres:.2f} ms waiting for Postgres",
        )


def trips_rows(bench: Bench) -> list[Row]:
    """Go the way of tasks in this process, alone, and count; no worker of the stack takes part."""
    bench.stand_by(*CONSUMERS)
    try:
        return _alone(bench)
    finally:
        bench.stand_up("control")  # what follows brings workers for steps, not for advancing


def _alone(bench: Bench) -> list[Row]:
    worker_warm()
    principal, count = bench.principal(), bench.scaled(TASKS)
    parts = [Part("submit"), Part("advance to the first step"), Part("a simple agent step and the end of its task")]
    for number in range(count + WARM_UP):
        submitted: list[UUID] = []
        request = TaskRequest(query=QUESTION, mode="simple")
        with _counted(parts[0], number >= WARM_UP):
            submitted.append(task_submit(principal=principal, request=request).task.id)
        acts: list[Callable[[UUID], Any]] = [task_advance, lambda task_id: drain(task_id, first=None)]
        for part, act in zip(parts[1:], acts, strict=True):
            with _counted(part, number >= WARM_UP):
                act(submitted[0])
    width = bench.scaled(FAN_OUT_STEPS)
    parts.append(_fan_out(bench, width))
    return [part.row() for part in parts]


def _fan_out(bench: Bench, width: int) -> Part:
    """Return what each step of a fan-out of steps that do nothing costs the one drainer that does them all."""
    whole = Part("")
    task = fanout_submit(principal=bench.principal(), width=width, concurrency_limit=1)
    task_advance(task.id)
    with _counted(whole, is_kept=True):
        while Step.objects.filter(task_id=task.id, status="ready").exists():
            drain(task.id, first=None)
    task_advance(task.id)
    return Part(
        f"a no-op step of {width:,}",
        [whole.round_trips[0] / width],
        [whole.postgres_ms[0] / width],
        [whole.total_ms[0] / width],
        per="step",
    )


@contextmanager
def _counted(part: Part, is_kept: bool) -> Iterator[None]:
    """Count the waits of the driver for the server, and time them."""
    started = time.perf_counter()
    with waits_counted() as waits:
        yield
    elapsed = time.perf_counter() - started
    if is_kept:
        part.round_trips.append(waits.count)
        part.postgres_ms.append(waits.seconds * 1000)
        part.total_ms.append(elapsed * 1000)
