"""Postgres is killed in the middle of a run, or lets nobody in. Workers live on, so nothing at all is repeated."""

from contextlib import ExitStack

import httpx
import psycopg
import pytest

from tests.acceptance.conftest import wait_until
from tests.acceptance.faults.cluster import Cluster
from tests.acceptance.faults.verdict import finished_well

pytestmark = pytest.mark.acceptance


def test_its_death_takes_no_step_from_a_live_worker(cluster: Cluster) -> None:
    cluster.witness.latency_seconds = 0.4
    cluster.worker_start()
    submitted = cluster.submit()
    wait_until(lambda: "a:1" in cluster.witness.calls_of(submitted.nonce), "an agent is at work")
    cluster.server_kill("postgres")
    with pytest.raises(httpx.HTTPStatusError) as refused:
        cluster.submit()
    cluster.server_start("postgres")
    assert refused.value.response.status_code == 503
    assert int(refused.value.response.headers["Retry-After"]) > 0
    wait_until(lambda: _is_ready(cluster), "web is connected again")  # the official client does not wait for that
    finished_well(cluster, submitted)


def test_all_of_its_connections_are_taken(cluster: Cluster) -> None:
    cluster.witness.latency_seconds = 0.4
    cluster.worker_start()
    submitted = cluster.submit()
    wait_until(lambda: "a:1" in cluster.witness.calls_of(submitted.nonce), "an agent is at work")
    with ExitStack() as taken:
        while (connection := _connection(cluster)) is not None:
            taken.enter_context(connection)
        with pytest.raises(psycopg.OperationalError, match="too many clients"):
            psycopg.connect(cluster.database_url)
        wait_until(lambda: "a:2" in cluster.witness.calls_of(submitted.nonce) or _refused(cluster), "it is felt")
    finished_well(cluster, submitted)


def _connection(cluster: Cluster) -> psycopg.Connection | None:
    try:
        return psycopg.connect(cluster.database_url)
    except psycopg.OperationalError:
        return None


def _is_ready(cluster: Cluster) -> bool:
    with cluster.http() as http:
        return http.get("/readiness").status_code == 200


def _refused(cluster: Cluster) -> bool:
    return any("too many clients" in cluster.log_of(worker) for worker in cluster.workers)
