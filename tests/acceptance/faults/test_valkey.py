"""Valkey is killed, flushed, full or silent in the middle of a run. Workers live on, so nothing at all is repeated."""

import signal
import time

import pytest

from tests.acceptance.conftest import wait_until
from tests.acceptance.faults.cluster import Cluster, Submitted
from tests.acceptance.faults.verdict import finished_well

pytestmark = pytest.mark.acceptance

SILENT_SECONDS = 30.0  # longer than every timeout of ours towards it, and than a worker takes to think itself deaf


@pytest.fixture
def at_work(cluster: Cluster) -> Submitted:
    """A task whose agents are at work."""
    cluster.witness.latency_seconds = 0.4
    cluster.worker_start()
    submitted = cluster.submit()
    wait_until(lambda: "a:1" in cluster.witness.calls_of(submitted.nonce), "an agent is at work")
    return submitted


def test_a_flush_loses_nothing(cluster: Cluster, at_work: Submitted) -> None:
    with cluster.broker as broker:
        broker.flushall()
    finished_well(cluster, at_work)


def test_its_death_loses_nothing_and_tasks_are_accepted_meanwhile(cluster: Cluster, at_work: Submitted) -> None:
    cluster.server_kill("valkey")
    try:
        meanwhile = cluster.submit()
        cluster.events_seen(meanwhile)
    finally:
        cluster.server_start("valkey")
    finished_well(cluster, at_work)
    finished_well(cluster, meanwhile)


def test_its_memory_is_full_and_tasks_are_accepted_meanwhile(cluster: Cluster, at_work: Submitted) -> None:
    with cluster.broker as broker:
        broker.config_set("maxmemory", 1)
        try:
            meanwhile = cluster.submit()
        finally:
            broker.config_set("maxmemory", 0)
    finished_well(cluster, at_work)
    finished_well(cluster, meanwhile)


def test_it_is_silent_and_tasks_are_accepted_meanwhile(cluster: Cluster, at_work: Submitted) -> None:
    until = time.monotonic() + SILENT_SECONDS
    cluster.server_signal("valkey", signal.SIGSTOP)
    try:
        meanwhile = cluster.submit()
        wait_until(lambda: time.monotonic() > until, "it was silent for long enough")
    finally:
        cluster.server_signal("valkey", signal.SIGCONT)
    finished_well(cluster, at_work)
    finished_well(cluster, meanwhile)
