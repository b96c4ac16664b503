"""What must be true of a task after a fault, whatever the fault was."""

from collections import Counter, defaultdict
from datetime import datetime
from uuid import UUID

from shannon import ShannonClient
from shannon.models import TaskStatusEnum

from tests.acceptance.conftest import PATIENCE_SECONDS
from tests.acceptance.faults.cluster import Cluster, Submitted
from tests.acceptance.faults.witness import MODEL_CALLS, SUBTASKS, TOOL_CALLS

IN_DOUBT = {("failed", "OUTCOME_UNKNOWN"), ("skipped", "DEPENDENCY_FAILED")}
"""How a subtask may end that did not succeed: its tool's effect may have happened, or that of one that it needs."""


def finished_well(cluster: Cluster, submitted: Submitted, *, repeated_calls: int = 0) -> None:
    """Wait for the task's end: it is as if nothing had happened.

    Args:
        cluster: Where it ran.
        submitted: The task.
        repeated_calls: Model calls that were answered and could not be recorded before their worker died: the witness
            sees them twice. Nothing else may be seen twice.
    """
    assert finished_honestly(cluster, submitted) == 0, "a recorded call was made again"
    steps = steps_of(cluster, submitted)
    assert all(status == "succeeded" for status, _ in steps.values()), steps
    calls = cluster.witness.calls_of(submitted.nonce)
    counts = {label: len(made) for label, made in calls.items()}
    assert len(counts) == MODEL_CALLS, counts
    assert sum(counts.values()) == MODEL_CALLS + repeated_calls, f"the model was asked again: {counts}"


def finished_honestly(cluster: Cluster, submitted: Submitted) -> int:
    """Wait for the task's end, and hold all that it says of itself against the witness.

    A step may have stopped because nobody can know whether its tool's effect happened; then the effect did not happen
    twice. When that became of every subtask there is nothing to answer from, and the task says so. A model call may
    have been made again, as long as its answer had not been recorded.

    Returns:
        How many model calls came although their answer was recorded: a worker that stands still between its last look
        at its lease and the call makes it late, when it goes on. Nothing in this world can keep it from that.
    """
    with ShannonClient(base_url=cluster.base_url, api_key=cluster.api_key) as client:
        status = client.wait(submitted.task_id, timeout=PATIENCE_SECONDS, poll_interval=0.1)
    steps = steps_of(cluster, submitted)
    if status.status is TaskStatusEnum.FAILED:
        assert {steps[f"agent-{name}"] for name in SUBTASKS} <= IN_DOUBT, (status.error_message, steps)
        assert steps["synthesize"] == ("failed", "SUBTASKS_FAILED"), steps
    else:
        assert status.status is TaskStatusEnum.COMPLETED, (status.error_message, steps)
    events_are_whole(cluster, submitted, has_failed=status.status is TaskStatusEnum.FAILED)
    steps_ended_once(cluster, submitted)
    books_are_right(cluster, submitted)
    effects_happened_once(cluster, submitted)
    comes_to_the_same(cluster, submitted)
    return late_calls(cluster, submitted)


def steps_of(cluster: Cluster, submitted: Submitted) -> dict[str, tuple[str, str]]:
    """Return status and error code of each step by its key."""
    rows = cluster.rows(
        "SELECT key, status, COALESCE(error ->> 'code', '') FROM orchestration_step WHERE task_id = %s",
        UUID(submitted.task_id),
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def recorded(cluster: Cluster, submitted: Submitted) -> dict[tuple[UUID, int], int]:
    """Return by step and position which attempt made each recorded call."""
    rows = cluster.rows(
        "SELECT step_id, position, attempt FROM agents_journalentry WHERE task_id = %s AND status = 'finished'",
        UUID(submitted.task_id),
    )
    return {(step_id, position): attempt for step_id, position, attempt in rows}


def events_are_whole(cluster: Cluster, submitted: Submitted, *, has_failed: bool = False) -> None:
    """Events are numbered from 1 without a gap, begin and end once, and nothing comes after the end."""
    events = cluster.rows(
        "SELECT seq, kind FROM orchestration_event WHERE task_id = %s ORDER BY seq", UUID(submitted.task_id)
    )
    assert [row[0] for row in events] == list(range(1, len(events) + 1))
    kinds = [row[1] for row in events]
    assert kinds[0] == "WORKFLOW_STARTED"
    assert kinds[-1] == "STREAM_END"
    ends = [kind for kind in kinds if kind in {"WORKFLOW_COMPLETED", "WORKFLOW_FAILED"}]
    assert ends == ["WORKFLOW_FAILED" if has_failed else "WORKFLOW_COMPLETED"]
    assert kinds.count("WORKFLOW_STARTED") == kinds.count("STREAM_END") == 1


def steps_ended_once(cluster: Cluster, submitted: Submitted) -> None:
    """Every step has ended, and each that succeeded was said to have done so once."""
    steps = steps_of(cluster, submitted)
    assert set(steps) == {"plan", "synthesize", *(f"agent-{name}" for name in SUBTASKS)}
    assert {status for status, _ in steps.values()} <= {"succeeded", "failed", "skipped"}
    ended = cluster.rows(
        "SELECT step_key FROM orchestration_event WHERE task_id = %s AND kind = 'AGENT_COMPLETED'",
        UUID(submitted.task_id),
    )
    succeeded = [key for key, (status, _) in steps.items() if status == "succeeded"]
    assert Counter(row[0] for row in ended) == Counter(succeeded)


def books_are_right(cluster: Cluster, submitted: Submitted) -> None:
    """The budget is the sum of the recorded calls, of failed ones too, and nothing is set aside any more."""
    task_id = UUID(submitted.task_id)
    journal = cluster.rows(
        "SELECT kind, prompt_tokens + completion_tokens, cost_usd, status FROM agents_journalentry WHERE task_id = %s",
        task_id,
    )
    tokens, usd = sum(row[1] for row in journal), sum(row[2] or 0 for row in journal)
    kinds = Counter(row[0] for row in journal if row[3] == "finished")
    assert usd > 0
    budget = cluster.rows(
        "SELECT spent_tokens, spent_usd, reserved_tokens, reserved_usd FROM policy_budget"
        " WHERE scope = 'task' AND scope_id = %s",
        task_id,
    )
    assert budget == [(tokens, usd, 0, 0)]
    task = cluster.rows(
        "SELECT prompt_tokens + completion_tokens, cost_usd, model_calls FROM orchestration_task WHERE id = %s", task_id
    )
    assert task == [(tokens, usd, kinds["model"])]


def effects_happened_once(cluster: Cluster, submitted: Submitted) -> None:
    """The tool's effect happened once for each step that succeeded, and never twice for one that did not."""
    seen = cluster.witness.effects_of(submitted.nonce)
    steps = steps_of(cluster, submitted)
    for name in SUBTASKS:
        status, code = steps[f"agent-{name}"]
        count = seen[f"{submitted.nonce}-{name}"]
        if status == "succeeded":
            assert count == 1, f"{name} was counted {count} times"
        else:
            assert (status, code) in IN_DOUBT, steps
            assert count <= (status == "failed"), f"{name} is {status} and was counted {count} times"
    assert sum(seen.values()) <= TOOL_CALLS


def comes_to_the_same(cluster: Cluster, submitted: Submitted) -> None:
    """The run can be computed again from its history: whatever was lost on the way, nothing of it is missing there."""
    with cluster.http() as http:
        replayed = http.post(f"/api/v1/tasks/{submitted.task_id}/replay", json={}).json()
    assert replayed.get("matches") is True, replayed


def late_calls(cluster: Cluster, submitted: Submitted) -> int:
    """Return how many model calls arrived after their answer had been recorded; each asked the same every time."""
    late = 0
    calls = cluster.witness.calls_of(submitted.nonce)
    recorded = _recorded_at(cluster, submitted)
    for label, made in calls.items():
        assert len({call.digest for call in made}) == 1, f"{label} was asked in several ways"
        if label in recorded:
            late += sum(call.at > recorded[label] for call in made)
    assert set(recorded) <= set(calls), "a call is recorded that nobody saw"
    return late


def _recorded_at(cluster: Cluster, submitted: Submitted) -> dict[str, datetime]:
    """Return when each model call was recorded, under the witness's names."""
    rows = cluster.rows(
        "SELECT s.key, j.finished_at FROM agents_journalentry j JOIN orchestration_step s ON s.id = j.step_id"
        " WHERE j.task_id = %s AND j.kind = 'model' AND j.status = 'finished' ORDER BY s.key, j.position",
        UUID(submitted.task_id),
    )
    by_step: dict[str, list[datetime]] = defaultdict(list)
    for key, finished_at in rows:
        by_step[key].append(finished_at)
    names = {"plan": "plan", "synthesize": "synthesis"}
    found = {names[key]: times[0] for key, times in by_step.items() if key in names}
    for name in SUBTASKS:
        for number, finished_at in enumerate(by_step.get(f"agent-{name}", ()), start=1):
            found[f"{name}:{number}"] = finished_at
    return found
