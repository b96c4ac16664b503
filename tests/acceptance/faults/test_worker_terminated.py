"""A rolling deploy: workers get SIGTERM in the middle of the fan-out, others take over. Nothing is repeated."""

from uuid import UUID

import pytest

from tests.acceptance.conftest import wait_until
from tests.acceptance.faults.cluster import Cluster
from tests.acceptance.faults.verdict import finished_well, recorded

pytestmark = pytest.mark.acceptance


def test_every_worker_is_replaced_in_the_fan_out_and_nothing_is_repeated(cluster: Cluster) -> None:
    cluster.witness.latency_seconds = 0.8
    old = [cluster.worker_start(threads=4) for _ in range(2)]
    submitted = cluster.submit()
    wait_until(lambda: "a:1" in cluster.witness.calls_of(submitted.nonce), "an agent is at work")
    cluster.worker_start(threads=4)
    before = recorded(cluster, submitted)
    for worker in old:
        worker.process.terminate()
    for worker in old:
        worker.wait_dead()
    finished_well(cluster, submitted)
    after = recorded(cluster, submitted)
    assert before
    assert {place: after[place] for place in before} == before
    lost = cluster.rows(
        "SELECT key, failures FROM orchestration_step WHERE task_id = %s AND failures > 0", UUID(submitted.task_id)
    )
    assert lost == []  # no step lost its worker: each ended in it, or was handed back


def test_a_worker_whose_call_outlasts_its_grace_hands_the_step_back_at_once(cluster: Cluster) -> None:
    cluster.witness.latency_seconds = 15.0
    old = cluster.worker_start(threads=4, grace_seconds=1.0)
    submitted = cluster.submit()
    wait_until(lambda: bool(cluster.witness.calls_of(submitted.nonce)), "the planner is asked")
    old.process.terminate()
    old.wait_dead()
    cluster.witness.latency_seconds = 0.0
    assert "worker_stopped_at_work" in cluster.log_of(old)
    steps = cluster.rows(
        "SELECT status, failures, lease_owner FROM orchestration_step WHERE task_id = %s", UUID(submitted.task_id)
    )
    assert steps == [("ready", 0, "")]
    cluster.worker_start()
    finished_well(cluster, submitted, repeated_calls=1)
