"""Threads of a worker are in calls that never return: it makes room for a new process, and the work goes on."""

from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from tests.acceptance.conftest import PATIENCE_SECONDS, wait_until
from tests.acceptance.faults.children import Child
from tests.acceptance.faults.cluster import Cluster

pytestmark = pytest.mark.acceptance
THREADS = 4


def call(cluster: Cluster, key: str) -> dict[str, Any]:
    """Call the tool that hangs once, and wait for its answer."""
    with cluster.http() as http:
        answer = http.post("/api/v1/tools/hang/execute", json={"arguments": {"key": key}}, timeout=PATIENCE_SECONDS)
    answer.raise_for_status()
    body: dict[str, Any] = answer.json()
    return body


def answered_by_the_next(cluster: Cluster, calls: list["Future[dict[str, Any]]"]) -> None:
    """Start workers until all calls are answered: one that had not begun when a worker left hangs in the next."""

    def is_over(worker: Child) -> bool:
        return not worker.lives or all(made.done() for made in calls)

    for _ in calls:
        worker = cluster.worker_start(threads=THREADS, grace_seconds=1.0)
        wait_until(partial(is_over, worker), "it answers or makes room")
        if worker.lives:
            return


def test_a_worker_whose_threads_all_hang_is_replaced_and_their_steps_are_run_again(cluster: Cluster) -> None:
    hanging = cluster.worker_start(threads=THREADS, grace_seconds=1.0)
    keys = [f"hang-{uuid4().hex[:12]}" for _ in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as pool:
        calls = [pool.submit(call, cluster, key) for key in keys]
        hanging.wait_dead()  # by itself; its supervisor starts another, here the test does
        assert "worker_has_hung_threads" in cluster.log_of(hanging)
        assert not any(made.done() for made in calls)
        answered_by_the_next(cluster, calls)
        answers = [made.result() for made in calls]
    assert all(answer["success"] for answer in answers), answers
    assert [answer["output"]["count"] for answer in answers] == [2] * THREADS
    seen = [cluster.witness.effects_of(key)[key] for key in keys]
    assert seen == [2] * THREADS, "each call hung once and was made once more"
