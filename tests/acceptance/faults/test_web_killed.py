"""Web dies by SIGKILL while it submits a task; the client tries again with the same Idempotency-Key."""

from uuid import uuid4

import httpx
import pytest

from tests.acceptance.faults.cluster import Cluster
from tests.acceptance.faults.verdict import finished_well

pytestmark = pytest.mark.acceptance


@pytest.mark.parametrize(
    "seam", ["submit.commit", "submit.ring", "advance.dispatch", "advance.dispatched", "submit.answer"]
)
def test_the_client_tries_again_and_there_is_one_task(cluster: Cluster, seam: str) -> None:
    cluster.worker_start()
    victim = cluster.web_start(failpoints=seam)
    nonce, key = f"thing-{uuid4().hex[:12]}", uuid4().hex
    with pytest.raises(httpx.TransportError):
        cluster.submit(nonce=nonce, idempotency_key=key, base_url=cluster.address_of(victim))
    victim.wait_dead()
    submitted = cluster.submit(nonce=nonce, idempotency_key=key)
    assert cluster.submit(nonce=nonce, idempotency_key=key) == submitted
    finished_well(cluster, submitted)
    tasks = cluster.rows("SELECT id::text FROM orchestration_task WHERE query LIKE %s", f"%{nonce}%")
    assert tasks == [(submitted.task_id,)]
