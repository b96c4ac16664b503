"""Workers that are forked from one process, by the command that `SHANNON_WORKER_PROCESSES=2` has `make up` run."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psutil
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from shannon_project.stack.health import workers_alive
from shannon_project.stack.roles import worker_command
from tests.acceptance.conftest import REPOSITORY, wait_until
from tests.acceptance.faults.cluster import Cluster
from tests.acceptance.faults.verdict import finished_honestly, finished_well

pytestmark = pytest.mark.acceptance

NAME = "siblings"
COUNT = 2


class Siblings:
    """The process that forks, with what its workers write and count; a worker that takes both queues."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.log = cluster.paths.log(NAME)
        self.metrics = folder / "metrics"
        self.metrics.mkdir()
        command = [
            "steps,control" if word == "steps" else word
            for word in worker_command(threads=4, name=NAME, processes=COUNT)
        ]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env={**os.environ, **cluster.environment, "PROMETHEUS_MULTIPROC_DIR": str(self.metrics)},
                stdout=log,
                stderr=log,
            )
        self.pids: list[int] = []
        """Of the workers, as long as none of them is replaced."""

    @property
    def workers(self) -> list[psutil.Process]:
        """Return those that live."""
        return psutil.Process(self.process.pid).children()

    def wait_at_work(self) -> None:
        """Wait until all of them take jobs."""
        names = {f"{NAME}@", f"{NAME}-2@"}
        wait_until(
            lambda: (
                self.process.poll() is not None
                or names <= {name.partition("@")[0] + "@" for name in workers_alive(self.cluster.valkey.url, role=NAME)}
            ),
            "both workers answer",
        )
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        self.pids = [worker.pid for worker in self.workers]
        assert len(self.pids) == COUNT

    def counted(self, metric: str) -> float:
        """Return a counter's value, of all processes together."""
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(self.metrics))  # type: ignore[no-untyped-call]
        return sum(sample.value for family in registry.collect() for sample in family.samples if sample.name == metric)


@pytest.fixture
def siblings(cluster: Cluster, tmp_path: Path) -> Iterator[Siblings]:
    started = Siblings(cluster, tmp_path)
    try:
        started.wait_at_work()
        yield started
    finally:
        left = started.workers if started.process.poll() is None else []
        started.process.kill()
        started.process.wait()
        for worker in left:
            worker.kill()
        psutil.wait_procs(left, timeout=120)


def test_they_share_their_work_and_one_that_is_killed_is_replaced(cluster: Cluster, siblings: Siblings) -> None:
    cluster.witness.latency_seconds = 0.8
    submitted = cluster.submit()
    wait_until(lambda: "a:1" in cluster.witness.calls_of(submitted.nonce), "an agent is at work")
    killed = siblings.pids[0]
    os.kill(killed, signal.SIGKILL)
    assert finished_honestly(cluster, submitted) == 0, "a recorded call was made again"
    siblings.wait_at_work()
    assert killed not in siblings.pids
    log = siblings.log.read_text()
    assert log.count("worker_warm") == COUNT + 1
    assert log.count("process_ended") == 1


def test_what_they_did_is_counted_whichever_of_them_did_it(cluster: Cluster, siblings: Siblings) -> None:
    submitted = [cluster.submit() for _ in range(4)]
    for task in submitted:
        finished_well(cluster, task)
    owners = {
        owner
        for task in submitted
        for (owner,) in cluster.rows(
            "SELECT DISTINCT lease_owner FROM orchestration_step WHERE task_id = %s", UUID(task.task_id)
        )
    }
    ended = cluster.rows(
        "SELECT count(*) FROM orchestration_step WHERE task_id = ANY(%s)", [UUID(task.task_id) for task in submitted]
    )
    assert owners
    # a step is counted after its outcome was committed, which may have been the end of its task
    wait_until(
        lambda: siblings.counted("shannon_orchestration_steps_ended_total") == ended[0][0], "all steps are counted"
    )


def test_a_signal_to_the_one_that_forked_them_stops_all_and_their_work_goes_on_elsewhere(
    cluster: Cluster, siblings: Siblings
) -> None:
    cluster.witness.latency_seconds = 0.8
    submitted = cluster.submit()
    wait_until(lambda: "a:1" in cluster.witness.calls_of(submitted.nonce), "an agent is at work")
    cluster.worker_start(threads=4)
    siblings.process.terminate()
    assert siblings.process.wait(timeout=120) == 0
    assert not any(psutil.pid_exists(pid) for pid in siblings.pids)
    finished_well(cluster, submitted)
    lost = cluster.rows(
        "SELECT key FROM orchestration_step WHERE task_id = %s AND failures > 0", UUID(submitted.task_id)
    )
    assert lost == []  # each ended in its worker, or was handed back


def test_they_stop_when_the_one_that_forked_them_is_killed(cluster: Cluster, siblings: Siblings) -> None:
    workers = siblings.workers
    siblings.process.kill()
    siblings.process.wait()
    _, alive = psutil.wait_procs(workers, timeout=120)
    assert alive == []
    assert siblings.log.read_text().count("Warm shutdown") == COUNT
