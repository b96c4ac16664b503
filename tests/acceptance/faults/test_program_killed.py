"""A program of the model makes many calls in one turn; its worker dies in the middle, and no call is made again."""

from uuid import UUID, uuid4

import pytest
from shannon import ShannonClient
from shannon.models import TaskStatusEnum

from tests.acceptance.conftest import PATIENCE_SECONDS
from tests.acceptance.faults.cluster import Cluster, Submitted

pytestmark = pytest.mark.acceptance

CALLS = 20
PROGRAM = """Run this program:
```python
import json
total = 0
for number in range({calls}):
    page = tools.http_fetch(url="{url}/count/{nonce}-" + str(number))
    total += json.loads(page["text"])["count"]
total += tools.calculator(expression=str(total) + " * 2")["result"]
print("total", total)
```"""


@pytest.mark.parametrize(
    "seam",
    ["effect.recorded/tool:8", "effect.started/tool:8", "effect.recorded/program"],
    ids=["a call is recorded", "a call is recorded as begun and not made", "its end is recorded"],
)
def test_it_goes_on_in_another_worker_where_it_stood(cluster: Cluster, seam: str) -> None:
    victim = cluster.worker_start(failpoints=seam, threads=1)
    submitted = submit(cluster)
    victim.wait_dead()
    cluster.worker_start()
    with ShannonClient(base_url=cluster.base_url, api_key=cluster.api_key) as client:
        status = client.wait(submitted.task_id, timeout=PATIENCE_SECONDS, poll_interval=0.1)
    assert status.status is TaskStatusEnum.COMPLETED, status.error_message
    assert "total 60" in str(status.result)  # every call counted one: none was made twice
    effects = cluster.witness.effects_of(submitted.nonce)
    assert effects == {f"{submitted.nonce}-{number}": 1 for number in range(CALLS)}
    kinds = dict(
        cluster.rows(
            "SELECT kind, count(*) FROM agents_journalentry WHERE task_id = %s GROUP BY kind", UUID(submitted.task_id)
        )
    )
    assert kinds["tool"] == 1 + CALLS + 1  # the program, and each of its calls
    assert kinds["model"] == 2  # one turn did all of it, one said what came out


def submit(cluster: Cluster) -> Submitted:
    """Submit a program for the offline model, which runs what it is given."""
    nonce = f"thing-{uuid4().hex[:12]}"
    query = PROGRAM.format(calls=CALLS, url=cluster.witness.url, nonce=nonce)
    with cluster.http() as http:
        body = {"query": query, "mode": "simple", "model_override": "offline/medium"}
        answer = http.post("/api/v1/tasks", json=body)
    answer.raise_for_status()
    return Submitted(str(answer.json()["task_id"]), nonce)
