"""A worker dies by SIGKILL at each seam of a step's life; another one goes on where it stopped. No beat runs."""

from typing import Any
from uuid import UUID

import pytest

from tests.acceptance.conftest import wait_until
from tests.acceptance.faults.cluster import Cluster, Submitted
from tests.acceptance.faults.verdict import finished_honestly, finished_well, steps_of

pytestmark = pytest.mark.acceptance

# The victims run one thing at a time: another thread's call would be cut off in the middle, and that one is in doubt.
NOTHING_IN_DOUBT = {
    "advance.commit": "the next steps are inserted and not committed",
    "advance.dispatch": "the next steps are committed and nobody was told",
    "advance.dispatched": "the fan-out was told to workers",
    "step.claimed:2": "a step is claimed and not begun",
    "effect.started/model:2": "a model call is recorded as started and not made",
    "effect.recorded/model:3": "a model call is recorded as finished",
    "effect.recorded/tool": "a tool call is recorded as finished",
    "outcome.commit:2": "an outcome is written and not committed",
    "outcome.committed": "an outcome is committed and nobody was told",
}


@pytest.mark.parametrize("seam", NOTHING_IN_DOUBT, ids=list(NOTHING_IN_DOUBT.values()))
def test_a_death_where_nothing_is_in_doubt_repeats_nothing(cluster: Cluster, seam: str) -> None:
    victim = cluster.worker_start(failpoints=seam, threads=1)
    submitted = cluster.submit()
    victim.wait_dead()
    cluster.worker_start()
    finished_well(cluster, submitted)


def test_a_death_in_the_transaction_of_the_tasks_end_leaves_nothing_of_it_and_it_ends_once(cluster: Cluster) -> None:
    victim = cluster.worker_start(failpoints="advance.commit/COMPLETED", threads=1)
    submitted = cluster.submit()
    victim.wait_dead()
    # what the last outcome and the end wrote together is gone together
    assert task_of(cluster, submitted) == [("RUNNING", None, None)]
    assert steps_of(cluster, submitted)["synthesize"] == ("running", "")
    assert answers_of(cluster, submitted) == []
    cluster.worker_start()
    finished_well(cluster, submitted)
    ((status, result, completed_at),) = task_of(cluster, submitted)
    assert (status, result) == ("COMPLETED", f"Counted {submitted.nonce}.")
    assert completed_at is not None
    assert answers_of(cluster, submitted) == [(result,)]


def task_of(cluster: Cluster, submitted: Submitted) -> list[tuple[Any, ...]]:
    """Return the task's status, result, and when it ended."""
    asked = "SELECT status, result, completed_at FROM orchestration_task WHERE id = %s"
    return cluster.rows(asked, UUID(submitted.task_id))


def answers_of(cluster: Cluster, submitted: Submitted) -> list[tuple[Any, ...]]:
    """Return what the conversation heard of the task."""
    asked = "SELECT content FROM agents_message WHERE task_id = %s AND role = 'assistant'"
    return cluster.rows(asked, UUID(submitted.task_id))


def test_a_model_call_that_was_answered_and_not_recorded_is_made_once_more(cluster: Cluster) -> None:
    victim = cluster.worker_start(failpoints="effect.performed/model:2", threads=1)
    submitted = cluster.submit()
    victim.wait_dead()
    cluster.worker_start()
    finished_well(cluster, submitted, repeated_calls=1)


def test_a_tool_call_that_may_not_be_repeated_stops_its_step_and_not_the_task(cluster: Cluster) -> None:
    victim = cluster.worker_start(failpoints="effect.performed/tool", threads=1)
    submitted = cluster.submit()
    victim.wait_dead()
    cluster.worker_start()
    assert finished_honestly(cluster, submitted) == 0
    assert ("failed", "OUTCOME_UNKNOWN") in steps_of(cluster, submitted).values()
    assert max(cluster.witness.effects_of(submitted.nonce).values()) == 1


def test_all_workers_die_in_the_middle_of_several_tasks(cluster: Cluster) -> None:
    cluster.witness.latency_seconds = 3.0  # none is past its first call, where tools begin, before all are at it
    for _ in range(2):
        cluster.worker_start(threads=4)
    tasks = [cluster.submit() for _ in range(3)]
    wait_until(lambda: all("a:1" in cluster.witness.calls_of(task.nonce) for task in tasks), "all are at work")
    cluster.workers_end()
    cluster.witness.latency_seconds = 0.3
    cluster.worker_start()
    for submitted in tasks:
        assert finished_honestly(cluster, submitted) == 0
