"""The official client, unmodified, against the application in this process. Its streams are in the acceptance tests."""

from collections.abc import AsyncIterator

import httpx
import pytest
from asgiref.sync import sync_to_async
from shannon import AsyncShannonClient, errors
from shannon.models import TaskStatusEnum

from orchestration.models import Task
from shannon_project.asgi import application
from tests.integration.api.callers import Caller

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def client(caller: Caller) -> AsyncIterator[AsyncShannonClient]:
    """A client whose requests do not leave the process."""
    client = AsyncShannonClient(base_url="http://testserver", api_key=caller.key)
    transport = httpx.ASGITransport(app=application)
    client._http_client = httpx.AsyncClient(transport=transport)
    yield client
    await client.close()


async def test_the_system_tells_how_it_is(client: AsyncShannonClient) -> None:
    assert (await client.health())["status"] == "healthy"
    assert (await client.readiness())["status"] == "ready"
    assert "/api/v1/tasks" in (await client.get_openapi_spec())["paths"]


async def test_a_task_from_submit_to_its_end(client: AsyncShannonClient) -> None:
    handle = await client.submit_task("What is 2 + 2?", session_id="chat", idempotency_key="k", model_tier="small")
    again = await client.submit_task("What is 2 + 2?", session_id="chat", idempotency_key="k", model_tier="small")
    assert (handle.task_id, handle.session_id) == (again.task_id, "chat")
    assert (await client.get_status(handle.task_id)).status is TaskStatusEnum.RUNNING
    ended = {"status": "COMPLETED", "result": "4", "model_used": "m", "provider": "p", "prompt_tokens": 3}
    await Task.objects.filter(id=handle.task_id).aupdate(**ended)
    status = await client.wait(handle.task_id, timeout=60)
    assert (status.status, status.result, status.progress) == (TaskStatusEnum.COMPLETED, "4", 1.0)
    assert (status.model_used, status.provider, status.error_message) == ("m", "p", "")
    assert status.usage is not None
    assert status.usage["total_tokens"] == 3
    tasks, total = await client.list_tasks(status="COMPLETED", session_id="chat")
    assert ([task.task_id for task in tasks], total) == ([handle.task_id], 1)
    assert tasks[0].total_token_usage.total_tokens == 3
    events = await client.get_task_events(handle.task_id)
    assert (events[0].type, events[0].id) == ("WORKFLOW_STARTED", "1")


async def test_a_task_is_cancelled(client: AsyncShannonClient) -> None:
    handle, stream_url = await client.submit_and_stream("What is 2 + 2?")
    assert stream_url == f"http://testserver/api/v1/stream/sse?workflow_id={handle.task_id}"
    assert await client.cancel(handle.task_id, reason="enough")
    assert (await client.get_status(handle.task_id)).status is TaskStatusEnum.CANCELLED


async def test_a_task_is_paused_and_resumed(client: AsyncShannonClient) -> None:
    handle = await client.submit_task("What is 2 + 2?")
    assert await client.pause_task(handle.task_id, reason="lunch")
    assert (await client.get_status(handle.task_id)).status is TaskStatusEnum.PAUSED
    state = await client.get_control_state(handle.task_id)
    assert (state.is_paused, state.is_cancelled, state.pause_reason) == (True, False, "lunch")
    assert state.paused_at is not None
    assert state.paused_by
    assert await client.resume_task(handle.task_id)
    assert not (await client.get_control_state(handle.task_id)).is_paused
    assert await client.cancel(handle.task_id, reason="enough")
    state = await client.get_control_state(handle.task_id)
    assert (state.is_cancelled, state.cancel_reason) == (True, "enough")


async def test_sessions(client: AsyncShannonClient) -> None:
    handle = await client.submit_task("What is 2 + 2?", session_id="chat")
    listed, total = await client.list_sessions()
    assert ([session.session_id for session in listed], total) == (["chat"], 1)
    assert await client.update_session_title("chat", "Sums")
    session = await client.get_session("chat")
    assert (session.title, session.task_count, session.user_id) == ("Sums", 1, "ours-user")
    assert [item.task_id for item in await client.get_session_history("chat")] == [handle.task_id]
    turns, count = await client.get_session_events("chat")
    assert (turns[0].task_id, turns[0].events[0].type, count) == (handle.task_id, "WORKFLOW_STARTED", 1)
    assert await client.delete_session("chat")
    with pytest.raises(errors.SessionNotFoundError):
        await client.get_session("chat")


async def test_files(client: AsyncShannonClient, caller: Caller) -> None:
    put = sync_to_async(caller.client.put)
    await put("/api/v1/sessions/chat/files/data/a b.txt", data=b"hello", content_type="application/octet-stream")
    assert [file.path for file in await client.list_session_files("chat", path="data")] == ["data/a b.txt"]
    file = await client.download_session_file("chat", "data/a b.txt")
    assert (file.content, file.content_type, file.size_bytes) == ("hello", "text/plain", 5)
    with pytest.raises(errors.SessionNotFoundError):
        await client.download_session_file("chat", "nothing.txt")


async def test_memory_files(client: AsyncShannonClient, caller: Caller) -> None:
    put = sync_to_async(caller.client.put)
    await put("/api/v1/memory/files/notes/a b.md", data=b"hello", content_type="application/octet-stream")
    assert [(file.path, file.is_dir) for file in await client.list_memory_files()] == [("notes", True)]
    file = await client.download_memory_file("notes/a b.md")
    assert (file.content, file.content_type, file.size_bytes) == ("hello", "text/markdown", 5)


async def test_tools(client: AsyncShannonClient) -> None:
    names = [tool.name for tool in await client.list_tools(category="compute")]
    assert "calculator" in names
    tool = await client.get_tool("calculator")
    assert (tool.name, tool.category) == ("calculator", "compute")


async def test_refusals_are_the_clients_own_errors(client: AsyncShannonClient, stranger: Caller) -> None:
    foreign: Task = await sync_to_async(stranger.submit)()
    with pytest.raises(errors.TaskNotFoundError):
        await client.get_status(str(foreign.id))
    with pytest.raises(errors.TaskNotFoundError):
        await client.cancel(str(foreign.id))
    with pytest.raises(errors.ValidationError, match="nobody/nothing"):
        await client.submit_task("a", model_override="nobody/nothing")
    with pytest.raises(errors.ValidationError, match="60"):
        await client.update_session_title("chat", "x" * 61)
    client.api_key = "sk_wrong"
    with pytest.raises(errors.AuthenticationError):
        await client.list_tasks()
