"""People in a run, by the official client on the real stack: pausing, approving, reviewing, speaking, looking back."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import httpx
import pytest
from shannon import ShannonClient
from shannon.errors import TaskNotFoundError, ValidationError
from shannon.models import TaskStatusEnum

from tests.acceptance.conftest import Stack, wait_until

pytestmark = pytest.mark.acceptance

PARTS = "1. What is 17 * 3?\n2. What is 100 / 8?\n3. What is 2 + 5?"


@pytest.fixture
def client(stack: Stack) -> Iterator[ShannonClient]:
    with ShannonClient(base_url=stack.base_url, api_key=stack.api_key) as connected:
        yield connected


def waits_for_review(client: ShannonClient, task_id: str, number: int) -> None:
    """Wait until the plan of a round is there to be looked at."""
    wait_until(
        lambda: (state := client.get_review_state(task_id)).status == "reviewing" and state.round == number,
        f"round {number} of the review",
    )


def kinds(client: ShannonClient, task_id: str) -> list[str]:
    return [event.type for event in client.get_task_events(task_id)]


def test_a_run_is_paused_resumed_and_cancelled(client: ShannonClient) -> None:
    held = client.submit_task("What is 17 * 3?", context={"require_approval": True}).task_id
    assert client.pause_task(held, reason="lunch")
    state = client.get_control_state(held)
    assert (state.is_paused, state.pause_reason, state.paused_by) == (True, "lunch", "key:local")
    assert client.resume_task(held)
    assert not client.get_control_state(held).is_paused
    assert client.cancel(held, reason="enough")
    state = client.get_control_state(held)
    assert (state.is_cancelled, state.cancel_reason) == (True, "enough")


def test_an_approval_lets_a_run_begin_and_a_denial_ends_it(client: ShannonClient, stack: Stack) -> None:
    for approved, status in ((True, TaskStatusEnum.COMPLETED), (False, TaskStatusEnum.FAILED)):
        task_id = client.submit_task("What is 17 * 23?", context={"require_approval": True}).task_id
        listed = httpx.get(
            f"{stack.base_url}/api/v1/approvals", params={"workflow_id": task_id}, headers={"X-API-Key": stack.api_key}
        ).json()["approvals"]
        assert [approval["workflow_id"] for approval in listed] == [task_id]
        assert client.get_status(task_id).status is TaskStatusEnum.QUEUED
        assert client.approve(listed[0]["approval_id"], task_id, approved=approved, feedback="as you wish")
        assert client.wait(task_id, timeout=60, poll_interval=0.05).status is status
        assert {"APPROVAL_REQUESTED", "APPROVAL_DECISION"} <= set(kinds(client, task_id))


def test_a_plan_is_reviewed_in_rounds(client: ShannonClient) -> None:
    task_id = client.submit_task(PARTS, context={"require_review": True}).task_id
    waits_for_review(client, task_id, 1)
    state = client.get_review_state(task_id)
    assert (state.version, state.query) == (1, PARTS)
    assert "17 * 3" in (state.current_plan or "")
    with pytest.raises(ValidationError):
        client.submit_review_feedback(task_id, "What is 9 * 9?", version=7)
    state = client.submit_review_feedback(task_id, "What is 9 * 9?", version=1)
    assert [turn.role for turn in state.rounds] == ["assistant", "user"]
    waits_for_review(client, task_id, 2)
    assert "9 * 9" in (client.get_review_state(task_id).current_plan or "")
    assert client.approve_review(task_id, version=3)["status"] == "approved"
    done = client.wait(task_id, timeout=60, poll_interval=0.05)
    assert done.status is TaskStatusEnum.COMPLETED
    assert "81" in done.result
    with pytest.raises(TaskNotFoundError):
        client.get_review_state(str(uuid4()))


def test_people_speak_to_a_run_and_look_at_its_timeline(client: ShannonClient) -> None:
    task_id = client.submit_task(PARTS, context={"require_review": True}).task_id
    waits_for_review(client, task_id, 1)
    said = client.send_swarm_message(task_id, "Mind the units.")
    assert (said.success, said.status) == (True, "sent")
    client.approve_review(task_id)
    client.wait(task_id, timeout=60, poll_interval=0.05)
    assert "HITL_RESPONSE" in kinds(client, task_id)
    timeline = client.get_task_timeline(task_id)
    steps = {step["step_key"]: step for step in timeline["steps"]}
    assert timeline["status"] == "COMPLETED"
    assert timeline["usage"]["total_tokens"] == sum(step["usage"]["total_tokens"] for step in steps.values())
    assert steps["agent-s1"]["effects"]["messages"] == 1
    assert steps["review-1"]["waits"][0]["status"] == "approved"
    with pytest.raises(TaskNotFoundError):
        client.get_task_timeline(str(uuid4()))


def test_a_run_is_replayed_by_command(client: ShannonClient, stack: Stack) -> None:
    task_id = client.submit_task(PARTS).task_id
    client.wait(task_id, timeout=60, poll_interval=0.05)
    environment = {**stack.environment, "DATABASE_URL": stack.database_url}
    told = replace(stack, environment=environment).command("task_replay", task_id)
    assert told.returncode == 0, told.stderr
    assert "came to the same" in told.stdout
