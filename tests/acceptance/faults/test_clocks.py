"""Hosts whose clocks differ: leases, recovery and waits go by the database's clock, so no step is lost by it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.acceptance.conftest import wait_until
from tests.acceptance.faults.children import Child
from tests.acceptance.faults.cluster import LEASE_SECONDS, Cluster
from tests.acceptance.faults.verdict import finished_well

pytestmark = pytest.mark.acceptance
HOUR_SECONDS = 3600.0


def clock_of(cluster: Cluster, worker: Child) -> timedelta:
    """Return by how much a worker's clock is ahead, as the times in its log say."""
    lines = [line for line in cluster.log_of(worker).splitlines() if line.startswith("{")]
    told = datetime.fromisoformat(json.loads(lines[-1])["timestamp"])
    return told - datetime.now(UTC)


@pytest.mark.parametrize("ahead_seconds", [HOUR_SECONDS, -HOUR_SECONDS], ids=["ahead", "behind"])
def test_a_worker_whose_clock_is_an_hour_off_claims_keeps_and_recovers_as_any_other(
    cluster: Cluster, ahead_seconds: float
) -> None:
    wrong = cluster.worker_start(clock_ahead_seconds=ahead_seconds)
    assert abs(clock_of(cluster, wrong) - timedelta(seconds=ahead_seconds)) < timedelta(minutes=5)
    cluster.worker_start(threads=1)  # with the right clock; it recovers all the while
    cluster.witness.latency_seconds = LEASE_SECONDS * 1.5  # no step ends within a lease: each must be kept
    kept = cluster.submit()
    finished_well(cluster, kept)
    attempts = cluster.rows(
        "SELECT DISTINCT s.attempt FROM orchestration_step s WHERE s.task_id = %s AND s.attempt > 1", kept.task_id
    )
    assert attempts == [], "nobody took a step from a worker that lives"


@pytest.mark.parametrize("ahead_seconds", [HOUR_SECONDS, -HOUR_SECONDS], ids=["ahead", "behind"])
def test_what_a_dead_worker_held_is_taken_back_in_time_by_one_whose_clock_is_an_hour_off(
    cluster: Cluster, ahead_seconds: float
) -> None:
    dies = cluster.worker_start(failpoints="effect.started/model:2", threads=2)
    submitted = cluster.submit()
    dies.wait_dead()
    wrong = cluster.worker_start(clock_ahead_seconds=ahead_seconds)
    wait_until(  # its patience ends after a minute and a half, not after an hour
        lambda: cluster.rows("SELECT 1 FROM orchestration_step WHERE task_id = %s AND attempt > 1", submitted.task_id),
        "the step is run again",
    )
    assert wrong.lives
    finished_well(cluster, submitted)


def test_workers_whose_clocks_are_two_hours_apart_share_a_task(cluster: Cluster) -> None:
    cluster.witness.latency_seconds = 0.5
    cluster.worker_start(clock_ahead_seconds=HOUR_SECONDS, threads=1)
    cluster.worker_start(clock_ahead_seconds=-HOUR_SECONDS, threads=1)
    for submitted in [cluster.submit() for _ in range(3)]:
        finished_well(cluster, submitted)
    backwards = cluster.rows(
        "SELECT count(*) FROM agents_journalentry WHERE finished_at < started_at OR finished_at > now()"
    )
    assert backwards == [(0,)]
