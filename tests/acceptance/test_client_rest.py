"""What the other tests of the official client leave out, on the real stack: schedules, WebSocket, `/v1`, turns."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from shannon import ShannonClient
from shannon.errors import ShannonError
from shannon.models import OpenAIChatMessage

from tests.acceptance.conftest import PATIENCE_SECONDS, Stack, wait_until

pytestmark = pytest.mark.acceptance
ASK = [OpenAIChatMessage(role="user", content="What is 17 * 23?")]


@pytest.fixture
def client(stack: Stack) -> Iterator[ShannonClient]:
    connected = ShannonClient(base_url=stack.base_url, api_key=stack.api_key)
    yield connected
    connected.close()


def test_a_schedule_from_its_making_over_its_runs_to_its_end(client: ShannonClient, stack: Stack) -> None:
    created = client.create_schedule(
        "Sums", "0 9 * * 1-5", "What is 17 * 23?", timezone="Europe/Berlin", max_budget_per_run_usd=0.5
    )
    schedule_id = created["schedule_id"]
    assert client.get_schedule(schedule_id).timezone == "Europe/Berlin"
    assert client.update_schedule(schedule_id, name="More sums")
    with psycopg.connect(stack.database_url) as connection:  # now, rather than at nine; beat or a worker finds it
        connection.execute(
            "UPDATE orchestration_schedule SET next_run_at = now() - interval '1 s' WHERE id = %s", [schedule_id]
        )
    wait_until(lambda: client.get_schedule(schedule_id).successful_runs == 1, "the run has ended well")
    runs, total = client.get_schedule_runs(schedule_id)
    assert (total, runs[0].status) == (1, "COMPLETED")
    assert "391" in client.get_status(runs[0].workflow_id).result
    assert client.pause_schedule(schedule_id, reason="holidays")
    assert client.get_schedule(schedule_id).status == "PAUSED"
    assert client.resume_schedule(schedule_id)
    listed, _ = client.list_schedules(status="ACTIVE")
    assert [item.name for item in listed if item.schedule_id == schedule_id] == ["More sums"]
    assert client.delete_schedule(schedule_id)
    with pytest.raises(ShannonError):
        client.get_schedule(schedule_id)


def test_a_task_is_followed_over_a_websocket_and_the_stream_resumes(client: ShannonClient) -> None:
    handle = client.submit_task("What is 3 + 4?")
    whole = [event for event in client.stream_ws(handle.workflow_id, timeout=PATIENCE_SECONDS) if event.seq]
    assert [event.seq for event in whole] == list(range(1, len(whole) + 1))
    assert (whole[0].type, whole[-1].type) == ("WORKFLOW_STARTED", "done")
    rest = client.stream_ws(handle.workflow_id, last_event_id=whole[2].stream_id, timeout=PATIENCE_SECONDS)
    assert [event.seq for event in rest] == [event.seq for event in whole[3:]]
    as_sse = [event.seq for event in client.stream(handle.workflow_id, total_timeout=60) if event.seq]
    assert as_sse == [event.seq for event in whole[: len(as_sse)]]


def test_a_websocket_is_for_whoever_has_a_key(stack: Stack, client: ShannonClient) -> None:
    handle = client.submit_task("What is 3 + 4?")
    with ShannonClient(base_url=stack.base_url, api_key="sk_wrong") as stranger, pytest.raises(Exception, match="401"):
        list(stranger.stream_ws(handle.workflow_id))


def test_the_turns_of_a_session_come_with_their_events(client: ShannonClient) -> None:
    session_id = f"turns-{uuid4().hex}"
    handle = client.submit_task("What is 3 + 4?", session_id=session_id)
    client.wait(handle.task_id, timeout=60, poll_interval=0.05)
    turns, total = client.get_session_events(session_id)
    assert (total, turns[0].task_id) == (1, handle.task_id)
    assert turns[0].events[0].type == "WORKFLOW_STARTED"


def test_the_models_of_the_platform_answer_over_v1(client: ShannonClient) -> None:
    assert "shannon-chat" in {model.id for model in client.list_openai_models()}
    assert client.get_openai_model("shannon-chat").id == "shannon-chat"
    answer = client.create_chat_completion(ASK, model="shannon-chat", timeout=PATIENCE_SECONDS)
    assert "391" in answer.choices[0].message.content
    pieces = list(client.stream_chat_completion(ASK, model="shannon-chat", timeout=PATIENCE_SECONDS))
    assert "391" in "".join(choice.delta.content or "" for piece in pieces for choice in piece.choices if choice.delta)
    asked = {"model": "shannon-chat", "prompt": "What is 17 * 23?"}
    assert "391" in client.create_completion(asked, timeout=PATIENCE_SECONDS)["choices"][0]["text"]
    texts = list(client.stream_completion(asked, timeout=PATIENCE_SECONDS))
    assert "391" in "".join(piece["choices"][0]["text"] for piece in texts)
