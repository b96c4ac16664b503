"""The official client, unmodified, with only its base URL and key set."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from shannon import ShannonClient
from shannon.errors import AuthenticationError, TaskNotFoundError, ValidationError
from shannon.models import TaskStatusEnum

from tests.acceptance.conftest import Stack

pytestmark = pytest.mark.acceptance


@pytest.fixture
def client(stack: Stack) -> Iterator[ShannonClient]:
    with ShannonClient(base_url=stack.base_url, api_key=stack.api_key) as connected:
        yield connected


def test_a_submitted_task_is_answered_with_model_and_usage(client: ShannonClient) -> None:
    handle = client.submit_task("What is 17 * 23?")
    status = client.wait(handle.task_id, timeout=60, poll_interval=0.05)
    assert status.status is TaskStatusEnum.COMPLETED
    assert "391" in status.result
    assert status.model_used.startswith("offline")
    assert status.provider == "offline"
    assert status.usage["total_tokens"] > 0
    assert status.usage["total_tokens"] == status.usage["prompt_tokens"] + status.usage["completion_tokens"]
    assert float(status.usage["cost_usd"]) > 0


def test_a_stream_runs_from_the_first_event_to_done_without_gap(client: ShannonClient) -> None:
    handle, url = client.submit_and_stream("What is 2 + 2?")
    assert handle.task_id in url
    events = list(client.stream(handle.workflow_id, total_timeout=60))
    assert events[0].type == "WORKFLOW_STARTED"
    assert events[-1].type == "done"
    stored = [event.seq for event in events if event.seq]
    assert stored == list(range(1, len(stored) + 1))


def test_a_stream_resumes_after_the_last_event_that_was_seen(client: ShannonClient) -> None:
    handle = client.submit_task("What is 3 + 4?")
    whole = [event for event in client.stream(handle.workflow_id, total_timeout=60) if event.seq]
    rest = client.stream(handle.workflow_id, last_event_id=whole[2].id, total_timeout=60)
    assert [event.seq for event in rest if event.seq] == [event.seq for event in whole[3:]]


def test_stored_events_are_those_of_the_stream(client: ShannonClient) -> None:
    handle = client.submit_task("What is 5 + 6?")
    streamed = [event.seq for event in client.stream(handle.workflow_id, total_timeout=60) if event.seq]
    stored = client.get_task_events(handle.task_id)
    assert [event.seq for event in stored][: len(streamed)] == streamed


def test_the_list_shows_the_newest_first_and_filters_by_session(client: ShannonClient) -> None:
    session_id = f"list-{uuid4().hex}"
    first = client.submit_task("What is 1 + 1?", session_id=session_id)
    client.wait(first.task_id, timeout=60, poll_interval=0.05)
    second = client.submit_task("What is 1 + 2?", session_id=session_id)
    client.wait(second.task_id, timeout=60, poll_interval=0.05)
    tasks, total = client.list_tasks(session_id=session_id)
    assert total == 2
    assert [task.task_id for task in tasks] == [second.task_id, first.task_id]
    assert tasks[0].status.endswith("COMPLETED")
    assert tasks[0].total_token_usage.total_tokens > 0


def test_the_same_idempotency_key_gives_the_same_task(client: ShannonClient) -> None:
    key = uuid4().hex
    first = client.submit_task("What is 8 * 8?", idempotency_key=key)
    assert client.submit_task("What is 8 * 8?", idempotency_key=key).task_id == first.task_id


def test_a_cancelled_task_is_cancelled(slow_stack: Stack) -> None:
    with ShannonClient(base_url=slow_stack.base_url, api_key=slow_stack.api_key) as client:
        handle = client.submit_task("Compare Berlin, Paris and Rome", mode="standard")
        assert client.cancel(handle.task_id, reason="not needed") is True
        status = client.wait(handle.task_id, timeout=30, poll_interval=0.05)
        assert status.status is TaskStatusEnum.CANCELLED
        types = [event.type for event in client.stream(handle.workflow_id, total_timeout=30)]
        assert "workflow.cancelled" in types
        assert types[-1] == "done"


def test_a_session_remembers_its_turns_and_can_be_renamed_and_deleted(client: ShannonClient) -> None:
    session_id = f"talk-{uuid4().hex}"
    handle = client.submit_task("What is 9 * 9?", session_id=session_id)
    client.wait(handle.task_id, timeout=60, poll_interval=0.05)
    assert client.update_session_title(session_id, "Nines") is True
    session = client.get_session(session_id)
    assert (session.title, session.task_count) == ("Nines", 1)
    assert session.total_tokens_used > 0
    (turn,) = client.get_session_history(session_id)
    assert turn.task_id == handle.task_id
    assert "81" in (turn.result or "")
    listed, total = client.list_sessions(limit=5)
    assert total >= 1
    assert any(item.title == "Nines" for item in listed)
    assert client.delete_session(session_id) is True
    assert all(item.title != "Nines" for item in client.list_sessions(limit=50)[0])


def test_a_finished_answer_is_found_by_a_later_task_of_the_tenant(client: ShannonClient) -> None:
    word = f"zebra{uuid4().hex[:6]}"
    told = client.submit_task(f"Count the words in: the {word} sleeps at noon under the old tree")
    client.wait(told.task_id, timeout=60, poll_interval=0.05)
    asked = client.submit_task(f"Recall what you found out earlier about the {word}")
    status = client.wait(asked.task_id, timeout=60, poll_interval=0.05)
    assert status.status is TaskStatusEnum.COMPLETED
    assert word in status.result
    observed = [event for event in client.get_task_events(asked.task_id) if event.type == "TOOL_OBSERVATION"]
    assert any("memory_search" in event.message for event in observed)


def test_tools_are_listed_described_and_executed(client: ShannonClient) -> None:
    names = {tool.name for tool in client.list_tools()}
    assert {"python", "calculator", "file_read", "file_write", "file_list", "http_fetch", "memory_search"} <= names
    assert client.get_tool("calculator").parameters["type"] == "object"
    result = client.execute_tool("calculator", arguments={"expression": "2 ** 10"})
    assert result.success
    assert "1024" in str(result.output)


def test_a_tool_works_on_the_sessions_files(client: ShannonClient) -> None:
    session_id = f"files-{uuid4().hex}"
    written = client.execute_tool(
        "file_write", arguments={"path": "notes/a.txt", "content": "hello\n"}, session_id=session_id
    )
    assert written.success, written.error
    code = "text = open('notes/a.txt').read(); open('b.txt', 'w').write(text.upper()); print(len(text))"
    ran = client.execute_tool("python", arguments={"code": code}, session_id=session_id)
    assert ran.output["stdout"].strip() == "6"
    assert client.download_session_file(session_id, "b.txt").content == "HELLO\n"
    assert {entry.path for entry in client.list_session_files(session_id)} >= {"b.txt"}


@pytest.mark.parametrize(
    ("code", "error_codes"),
    [
        # which limit it meets first depends on how much of a processor it gets
        ("while True: pass", {"SANDBOX_CPU_EXCEEDED", "SANDBOX_TIMEOUT"}),
        ("x = bytearray(1 << 30)", {"SANDBOX_MEMORY_EXCEEDED"}),
        ("while True: print('x' * 100_000)", {"SANDBOX_OUTPUT_EXCEEDED"}),
    ],
)
def test_a_program_that_misbehaves_is_stopped_with_a_typed_result(
    client: ShannonClient, code: str, error_codes: set[str]
) -> None:
    result = client.execute_tool("python", arguments={"code": code}, timeout=60)
    assert result.success is False
    assert result.metadata["error"]["code"] in error_codes


def test_health_readiness_and_the_openapi_document_need_no_key(stack: Stack) -> None:
    with ShannonClient(base_url=stack.base_url) as anonymous:
        assert anonymous.health()["status"]
        assert anonymous.readiness()["status"] == "ready"
        assert "/api/v1/tasks" in anonymous.get_openapi_spec()["paths"]


def test_a_wrong_key_and_an_unknown_task_are_refused(stack: Stack, client: ShannonClient) -> None:
    with ShannonClient(base_url=stack.base_url, api_key="sk_wrong") as stranger, pytest.raises(AuthenticationError):
        stranger.list_tasks()
    with pytest.raises(TaskNotFoundError):
        client.get_status(str(uuid4()))


def test_a_mode_that_does_not_exist_is_refused_by_name(client: ShannonClient) -> None:
    with pytest.raises(ValidationError, match="mode: must be one of"):
        client.submit_task("What is 1 + 1?", mode="telepathy")
