"""The broker misdelivers: every doorbell twice, or none at all for a while. No beat runs."""

import pytest

from tests.acceptance.conftest import wait_until
from tests.acceptance.faults.cluster import Cluster, Submitted
from tests.acceptance.faults.verdict import finished_well

pytestmark = pytest.mark.acceptance


def test_every_doorbell_is_delivered_twice(cluster: Cluster) -> None:
    web = cluster.web_start(transport="tests.acceptance.faults.doorbells:Twice")
    for _ in range(2):
        cluster.worker_start(transport="tests.acceptance.faults.doorbells:Twice")
    tasks = [cluster.submit(base_url=cluster.address_of(web)) for _ in range(3)]
    for submitted in tasks:
        finished_well(cluster, submitted)


def test_no_doorbell_is_delivered_for_a_while(cluster: Cluster) -> None:
    lossy = "tests.acceptance.faults.doorbells:Lossy"
    web = cluster.web_start(transport=lossy)
    cluster.worker_start(transport=lossy)
    with cluster.doorbells_lost():
        submitted = cluster.submit(base_url=cluster.address_of(web))
        rung_in_vain(cluster, submitted)
    cluster.witness.latency_seconds = 0.4
    wait_until(lambda: "plan" in cluster.witness.calls_of(submitted.nonce), "it is being planned")
    with cluster.doorbells_lost():
        rung_in_vain(cluster, submitted)
    finished_well(cluster, submitted)


def rung_in_vain(cluster: Cluster, submitted: Submitted) -> None:
    """Wait until somebody has rung for the task twice."""
    asked = "SELECT doorbell_at FROM orchestration_task WHERE id = %s"
    for _ in range(2):
        before = cluster.rows(asked, submitted.task_id)
        wait_until(lambda before=before: cluster.rows(asked, submitted.task_id) != before, "it is rung for again")  # type: ignore[misc]
