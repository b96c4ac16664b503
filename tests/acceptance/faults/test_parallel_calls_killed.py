"""A worker dies while several tool calls of one turn are under way: some are recorded, some were made, some neither."""

import threading
from collections.abc import Iterator
from uuid import UUID

import pytest
from shannon import ShannonClient
from shannon.models import TaskStatusEnum

from tests.acceptance.conftest import PATIENCE_SECONDS
from tests.acceptance.faults.cluster import Cluster, Submitted
from tests.acceptance.faults.verdict import books_are_right, events_are_whole, steps_of
from tests.acceptance.faults.witness import SUBTASKS

pytestmark = pytest.mark.acceptance

CALLS = 4


@pytest.fixture(autouse=True)
def _others_call_one_by_one(cluster: Cluster) -> Iterator[None]:
    """Leave the witness as it was: it is there for all tests."""
    yield
    cluster.witness.tool, cluster.witness.calls_at_once, cluster.witness.gate = "count", 1, None


def ended_after_a_death(cluster: Cluster, tool: str, seam: str) -> Submitted:
    """Kill a worker at a seam of its first agent's calls, all of which had left it; another one ends the task."""
    cluster.witness.tool, cluster.witness.calls_at_once = tool, CALLS
    cluster.witness.gate = threading.Barrier(CALLS)
    victim = cluster.worker_start(failpoints=seam, threads=1)
    submitted = cluster.submit()
    victim.wait_dead()
    cluster.witness.gate = None
    cluster.worker_start()
    with ShannonClient(base_url=cluster.base_url, api_key=cluster.api_key) as client:
        status = client.wait(submitted.task_id, timeout=PATIENCE_SECONDS, poll_interval=0.1)
    assert status.status is TaskStatusEnum.COMPLETED, status.error_message
    events_are_whole(cluster, submitted)
    books_are_right(cluster, submitted)
    return submitted


def journaled(cluster: Cluster, submitted: Submitted) -> dict[str, int]:
    """Return how many tool calls are recorded, by status."""
    statement = "SELECT status, count(*) FROM agents_journalentry WHERE task_id = %s AND kind = 'tool' GROUP BY status"
    return dict(cluster.rows(statement, UUID(submitted.task_id)))


def keys_of(submitted: Submitted) -> set[str]:
    """Return what all agents together count."""
    suffixes = ("", *map(str, range(2, CALLS + 1)))
    return {f"{submitted.nonce}-{name}{suffix}" for name in SUBTASKS for suffix in suffixes}


@pytest.mark.parametrize("seam", ["effect.recorded/tool", "effect.recorded/tool:3"], ids=["one is", "three are"])
def test_calls_that_may_be_repeated_are_finished_and_recorded_ones_not_made_again(cluster: Cluster, seam: str) -> None:
    submitted = ended_after_a_death(cluster, "http_fetch", seam)
    assert {status for status, _ in steps_of(cluster, submitted).values()} == {"succeeded"}
    effects = cluster.witness.effects_of(submitted.nonce)
    assert set(effects) == keys_of(submitted)
    recorded = int(seam.partition(":")[2] or 1)
    repeated = [key for key, count in effects.items() if count > 1]
    assert max(effects.values()) <= 2
    assert len(repeated) <= CALLS - recorded, repeated
    assert journaled(cluster, submitted) == {"finished": CALLS * len(SUBTASKS)}
    calls = cluster.witness.calls_of(submitted.nonce)
    assert {label: len(made) for label, made in calls.items() if label != "plan"} == {
        **{f"{name}:{turn}": 1 for name in SUBTASKS for turn in (1, 2)},
        "synthesis": 1,
    }


def test_calls_that_may_not_be_repeated_stop_their_step_and_none_is_made_twice(cluster: Cluster) -> None:
    submitted = ended_after_a_death(cluster, "count", "effect.recorded/tool")
    effects = cluster.witness.effects_of(submitted.nonce)
    assert max(effects.values()) == 1
    ended = steps_of(cluster, submitted)
    assert [code for status, code in ended.values() if status == "failed"] == ["OUTCOME_UNKNOWN"]
