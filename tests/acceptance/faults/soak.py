"""A random fault run, `make soak`: tasks are submitted while faults strike; in the end each is judged.

The same seed makes the same choices; when they strike in a task's life depends on the machine.
"""

import argparse
import random
import secrets
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import uuid4

import httpx
import psycopg
from redis.exceptions import RedisError

from shannon_project.foundation.failpoints import Seam
from tests.acceptance.faults.children import Child
from tests.acceptance.faults.cluster import LEASE_SECONDS, Cluster, Submitted, cluster_running
from tests.acceptance.faults.verdict import finished_honestly, steps_of
from tests.acceptance.faults.witness import MODEL_CALLS

WORKERS = 2
MODEL_SECONDS = 0.1
PAUSE_SECONDS = 0.3  # between two faults, at most
SUBMIT_PATIENCE_SECONDS = 60.0

_WORKER_SEAMS = [str(seam) for seam in Seam if not seam.startswith("submit.")]


@dataclass(slots=True)
class Soak:
    """One run: the faults that struck, the tasks that were accepted, the workers that stand still."""

    cluster: Cluster
    choose: random.Random
    struck: Counter[str] = field(default_factory=Counter)
    tasks: list[Submitted] = field(default_factory=list)
    standing: list[tuple[float, Child]] = field(default_factory=list)
    late_calls: int = 0

    def run(self, *, tasks: int, faults: int) -> None:
        """Strike, submit, and judge.

        Args:
            tasks: How many are submitted, evenly among the faults.
            faults: How many strike.
        """
        self.cluster.witness.latency_seconds = MODEL_SECONDS
        for number in range(faults):
            self._man()
            if number * tasks // faults >= len(self.tasks):
                self.tasks.append(self._submit())
            name = self.choose.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
            _FAULTS[name](self)
            self.struck[name] += 1
            time.sleep(self.choose.uniform(0.0, PAUSE_SECONDS))
        self._heal()
        self.late_calls = sum(finished_honestly(self.cluster, submitted) for submitted in self.tasks)
        stopped = self.struck["worker stopped"]
        assert self.late_calls <= stopped, f"{self.late_calls} recorded calls made again, {stopped} workers stopped"

    def summary(self) -> str:
        """Return what happened, in one line."""
        calls = sum(len(made) for task in self.tasks for made in self.cluster.witness.calls_of(task.nonce).values())
        steps = [step for task in self.tasks for step in steps_of(self.cluster, task).values()]
        unknown = sum(code == "OUTCOME_UNKNOWN" for _, code in steps)
        struck = ", ".join(f"{count} {name}" for name, count in self.struck.most_common())
        more = calls - MODEL_CALLS * len(self.tasks)
        return (
            f"{self.struck.total()} faults ({struck}) on {len(self.tasks)} tasks: each ended with every promise kept; "
            f"{more:+d} model calls against a quiet run, {self.late_calls} of them late by workers that stood still, "
            f"{unknown} tool calls whose outcome nobody can know"
        )

    def worker(self) -> Child | None:
        """Return a worker that runs, or None when all have died or stand still."""
        still = {child.name for _, child in self.standing}
        return next(iter(self.choose.sample(living, 1)), None) if (living := self._living(still)) else None

    def _living(self, except_names: set[str]) -> list[Child]:
        return [child for child in self.cluster.workers if child.lives and child.name not in except_names]

    def _man(self) -> None:
        """See that enough workers are there; those whose time of standing still is over go on."""
        now = time.monotonic()
        for until, child in list(self.standing):
            if until <= now or not child.lives:
                self.standing.remove((until, child))
                if child.lives:
                    child.go_on()
        self.cluster.workers[:] = self._living(set())
        while len(self.cluster.workers) - len(self.standing) < WORKERS:
            self.cluster.worker_start(threads=4)

    def _heal(self) -> None:
        self.standing = [(0.0, child) for _, child in self.standing]
        self._man()
        self.cluster.worker_start(threads=8)

    def _submit(self) -> Submitted:
        """Submit as a client does that keeps asking with one key until it has its answer."""
        nonce, key = f"thing-{uuid4().hex[:12]}", uuid4().hex
        until = time.monotonic() + SUBMIT_PATIENCE_SECONDS
        while True:
            try:
                return self.cluster.submit(nonce=nonce, idempotency_key=key)
            except httpx.HTTPStatusError as error:
                if error.response.status_code != 503 or time.monotonic() > until:
                    raise
            time.sleep(0.2)


def _kill_worker(soak: Soak) -> None:
    if (worker := soak.worker()) is not None:
        worker.kill()


def _kill_all_workers(soak: Soak) -> None:
    soak.standing.clear()
    soak.cluster.workers_end()


def _kill_at_seam(soak: Soak) -> None:
    """Exchange a worker for one that dies by itself, at a seam of its work."""
    _kill_worker(soak)
    seam = f"{soak.choose.choice(_WORKER_SEAMS)}:{soak.choose.randint(1, 4)}"
    soak.cluster.worker_start(failpoints=seam, threads=4)


def _stop_worker(soak: Soak) -> None:
    if (worker := soak.worker()) is not None:
        worker.stop()
        soak.standing.append((time.monotonic() + soak.choose.uniform(0.2, 2 * LEASE_SECONDS), worker))


def _flush_valkey(soak: Soak) -> None:
    with suppress(RedisError), soak.cluster.broker as broker:
        broker.flushall()


def _kill_valkey(soak: Soak) -> None:
    soak.cluster.server_kill("valkey")
    time.sleep(soak.choose.uniform(0.0, 1.0))
    soak.cluster.server_start("valkey")


def _silence_valkey(soak: Soak) -> None:
    soak.cluster.server_signal("valkey", signal.SIGSTOP)
    time.sleep(soak.choose.uniform(0.1, 1.5))
    soak.cluster.server_signal("valkey", signal.SIGCONT)


def _kill_postgres(soak: Soak) -> None:
    soak.cluster.server_kill("postgres")
    soak.cluster.server_start("postgres")


def _cut_connections(soak: Soak) -> None:
    with psycopg.connect(soak.cluster.database_url) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")


def _kill_web(soak: Soak) -> None:
    soak.cluster.web.kill()
    soak.cluster.web = soak.cluster.web_start()
    soak.cluster.base_url = soak.cluster.address_of(soak.cluster.web)


_FAULTS: Mapping[str, Callable[[Soak], None]] = {
    "worker killed": _kill_worker,
    "worker killed at a seam": _kill_at_seam,
    "all workers killed": _kill_all_workers,
    "worker stopped": _stop_worker,
    "Valkey flushed": _flush_valkey,
    "Valkey killed": _kill_valkey,
    "Valkey silent": _silence_valkey,
    "Postgres killed": _kill_postgres,
    "connections cut": _cut_connections,
    "web killed": _kill_web,
}
_WEIGHTS: Mapping[str, int] = dict(zip(_FAULTS, (5, 8, 1, 6, 4, 2, 2, 1, 3, 1), strict=True))


def soak_run(cluster: Cluster, *, seed: int, tasks: int, faults: int) -> str:
    """Run and return the summary.

    Raises:
        AssertionError: A promise was not kept; the message begins with the seed.
    """
    soak = Soak(cluster, random.Random(seed))
    try:
        soak.run(tasks=tasks, faults=faults)
    except Exception as error:
        raise AssertionError(f"seed {seed}, after {dict(soak.struck)}: {error}") from error
    return soak.summary()


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="make soak")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--faults", type=int, default=200)
    asked = parser.parse_args()
    print(f"seed {asked.seed} (again: make soak ARGS=--seed={asked.seed})", flush=True)
    started = time.monotonic()
    with cluster_running() as cluster:
        print(soak_run(cluster, seed=asked.seed, tasks=asked.tasks, faults=asked.faults))
    print(f"took {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
