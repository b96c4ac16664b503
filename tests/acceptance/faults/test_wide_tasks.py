"""A wide task, of which each message stands for several agents, loses the worker that is at work on them."""

import os
import subprocess
import sys
from collections import Counter
from uuid import UUID, uuid4

import pytest
from shannon import ShannonClient
from shannon.models import TaskStatusEnum

from tests.acceptance.conftest import PATIENCE_SECONDS, REPOSITORY, wait_until
from tests.acceptance.faults.children import Child
from tests.acceptance.faults.cluster import Cluster, Submitted
from tests.acceptance.faults.verdict import books_are_right, comes_to_the_same, events_are_whole, recorded, steps_of

pytestmark = pytest.mark.acceptance

AGENTS = 96  # three a message, when all of them begin at once
THREADS = 64  # of each of two workers: enough for all agents


def submitted_wide(cluster: Cluster) -> Submitted:
    """Submit a task of many agents, who each ask the model once."""
    nonce = f"thing-{uuid4().hex[:12]}"
    command = [sys.executable, "-m", "tests.acceptance.faults.wide_task", cluster.api_key, str(AGENTS), f"Say {nonce}."]
    environment = {**os.environ, **cluster.environment}
    ran = subprocess.run(command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return Submitted(ran.stdout.strip(), nonce)


def ended_well(cluster: Cluster, submitted: Submitted) -> int:
    """Wait for the end, at which every agent has answered once; return how often the model was asked."""
    with ShannonClient(base_url=cluster.base_url, api_key=cluster.api_key) as client:
        status = client.wait(submitted.task_id, timeout=PATIENCE_SECONDS, poll_interval=0.1)
    assert status.status is TaskStatusEnum.COMPLETED, status.error_message
    assert Counter(steps_of(cluster, submitted).values()) == {("succeeded", ""): AGENTS}
    told = cluster.rows(
        "SELECT step_key FROM orchestration_event WHERE task_id = %s AND kind = 'AGENT_COMPLETED'",
        UUID(submitted.task_id),
    )
    assert Counter(told).keys() == {(key,) for key in steps_of(cluster, submitted)}
    assert len(told) == AGENTS
    events_are_whole(cluster, submitted)
    books_are_right(cluster, submitted)
    comes_to_the_same(cluster, submitted)
    return sum(len(calls) for calls in cluster.witness.calls_of(submitted.nonce).values())


def two_workers(cluster: Cluster, failpoints: str = "") -> Child:
    """Start two workers and return the one that will be lost."""
    lost = cluster.worker_start(threads=THREADS, failpoints=failpoints)
    cluster.worker_start(threads=THREADS)
    return lost


def test_a_worker_that_dies_in_the_middle_of_many_agents_loses_none_of_them(cluster: Cluster) -> None:
    lost = two_workers(cluster, failpoints="effect.recorded/model:5")
    submitted = submitted_wide(cluster)
    lost.wait_dead()
    before = recorded(cluster, submitted)
    calls = ended_well(cluster, submitted)
    after = recorded(cluster, submitted)
    assert {place: after[place] for place in before} == before, "what was recorded was made again"
    assert AGENTS <= calls <= AGENTS + THREADS, "more was asked again than can have been under way"


def test_a_worker_that_is_told_to_stop_in_the_middle_of_many_agents_lets_each_of_them_end(cluster: Cluster) -> None:
    cluster.witness.latency_seconds = 2.0
    lost = two_workers(cluster)
    submitted = submitted_wide(cluster)
    wait_until(lambda: bool(cluster.witness.calls_of(submitted.nonce)), "an agent is at work")
    lost.process.terminate()
    lost.wait_dead()
    assert ended_well(cluster, submitted) == AGENTS, "a call was made again"
    failures = "SELECT key FROM orchestration_step WHERE task_id = %s AND failures > 0"
    assert cluster.rows(failures, UUID(submitted.task_id)) == []
