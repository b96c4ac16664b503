"""A worker stands still (SIGSTOP) for longer than its lease; when it goes on (SIGCONT) its step is done elsewhere."""

import pytest

from tests.acceptance.conftest import wait_until
from tests.acceptance.faults.cluster import Cluster
from tests.acceptance.faults.verdict import finished_well

pytestmark = pytest.mark.acceptance


def test_what_it_brings_back_is_refused(cluster: Cluster) -> None:
    zombie = cluster.worker_start(failpoints="effect.performed/model:2=stop", threads=1)
    submitted = cluster.submit()
    zombie.wait_stopped()
    cluster.worker_start()
    finished_well(cluster, submitted, repeated_calls=1)
    zombie.go_on()
    wait_until(lambda: "step_superseded" in cluster.log_of(zombie), "its write was refused")
    finished_well(cluster, submitted, repeated_calls=1)


def test_it_does_not_begin_the_call_that_it_was_about_to_make(cluster: Cluster) -> None:
    zombie = cluster.worker_start(failpoints="effect.started/model:2=stop", threads=1)
    submitted = cluster.submit()
    zombie.wait_stopped()
    cluster.worker_start()
    finished_well(cluster, submitted)
    zombie.go_on()
    wait_until(lambda: "step_superseded" in cluster.log_of(zombie), "it has noticed")
    finished_well(cluster, submitted)


def test_one_that_stops_in_a_transaction_locks_its_task_no_longer_than_the_server_allows(cluster: Cluster) -> None:
    zombie = cluster.worker_start(failpoints="outcome.commit:2=stop", threads=1)
    submitted = cluster.submit()
    zombie.wait_stopped()
    cluster.worker_start()
    finished_well(cluster, submitted)
    zombie.go_on()
    wait_until(lambda: "outcome_write_retried" in cluster.log_of(zombie), "its write was refused")
    finished_well(cluster, submitted)
