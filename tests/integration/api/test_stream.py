"""GET /api/v1/stream/sse: replay, live events, resuming, filters, refusals."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient
from pytest_django import Settings

from orchestration.control import task_cancel
from orchestration.events.follow import WakeHub
from orchestration.events.wake import delta_publish
from orchestration.events.write import EventDraft, events_append
from orchestration.models import Task
from tests.integration.api.callers import Caller, error_of

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/v1/stream/sse"
PATIENCE_SECONDS = 120.0


class Message(dict[str, str]):
    """One message of a stream: its fields, with the data as JSON."""

    @property
    def body(self) -> dict[str, Any]:
        """The data."""
        body: dict[str, Any] = json.loads(self["data"])
        return body


async def messages_of(response: Any) -> AsyncIterator[Message]:
    """Yield the messages of a stream; comments come as messages with only a comment."""
    text = ""
    async for chunk in response.streaming_content:
        text += chunk.decode()
        while "\n\n" in text:
            block, text = text.split("\n\n", 1)
            fields = (line.partition(":")[::2] for line in block.split("\n"))
            yield Message({name or "comment": value.strip() for name, value in fields})


async def get(caller: Caller | None, query: dict[str, str], **headers: str) -> Any:
    """Ask for a stream; Django's async client sends headers only when they are given with the request."""
    key = {"X-API-Key": caller.key} if caller else {}
    return await AsyncClient().get(URL, query, headers={**key, **headers})


async def read(caller: Caller, task: Task, query: dict[str, str] | None = None, **headers: str) -> list[Message]:
    """Return all messages of a stream that ends, without comments."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        response = await get(caller, {"workflow_id": str(task.id), **(query or {})}, **headers)
        assert response.status_code == 200, response.content
        return [message async for message in messages_of(response) if "event" in message]


async def cancelled(caller: Caller) -> Task:
    """Return a task that has ended: its events are as those of any other."""
    task: Task = await sync_to_async(caller.submit)()
    await sync_to_async(append)(task, "LLM_OUTPUT", "small answered", {"text": "finished \u2028 text"})
    await sync_to_async(append)(task, "ERROR_OCCURRED", "oops", {})
    await sync_to_async(task_cancel)(principal=caller.principal, task_id=task.id, reason="enough")
    await task.arefresh_from_db()
    return task


def append(task: Task, kind: str, message: str, payload: dict[str, Any]) -> None:
    """Add an event."""
    events_append(task_id=task.id, drafts=[EventDraft(kind, message, payload, "agent-1", "agent-1")])


async def test_a_finished_task_is_replayed_from_its_beginning_to_done(caller: Caller) -> None:
    task = await cancelled(caller)
    messages = await read(caller, task)
    assert [int(message["id"]) for message in messages] == list(range(1, task.event_seq + 1))
    names = [message["event"] for message in messages]
    assert names[:3] == ["WORKFLOW_STARTED", "thread.message.completed", "error"]
    assert "workflow.cancelled" in names
    assert messages[-1] == {"id": str(task.event_seq), "event": "done", "data": "[DONE]"}


async def test_events_look_as_the_official_client_expects(caller: Caller) -> None:
    task = await cancelled(caller)
    started, completed, error, *_ = [message.body for message in (await read(caller, task))[:-1]]
    assert (started["type"], started["workflow_id"], started["seq"]) == ("WORKFLOW_STARTED", str(task.id), 1)
    assert started["stream_id"] == "1"
    assert completed["type"] == "thread.message.completed"
    assert completed["response"] == "finished \u2028 text"
    assert completed["agent_id"] == "agent-1"
    assert error["type"] == "ERROR_OCCURRED"


async def test_the_stream_is_ascii_and_says_when_to_come_back(caller: Caller) -> None:
    task = await cancelled(caller)
    response = await get(caller, {"workflow_id": str(task.id)})
    chunks = [chunk async for chunk in response.streaming_content]
    assert b"".join(chunks).isascii()
    assert chunks[0].startswith(b"retry: 1000\n")
    assert response["Content-Type"] == "text/event-stream"
    assert "no-cache" in response["Cache-Control"]


async def test_what_is_stored_comes_with_the_head_of_the_stream_in_one_piece(caller: Caller) -> None:
    task = await cancelled(caller)
    response = await get(caller, {"workflow_id": str(task.id)})
    (whole,) = [chunk.decode() async for chunk in response.streaming_content]
    numbers = [int(line.removeprefix("id: ")) for line in whole.split("\n") if line.startswith("id: ")]
    assert numbers == list(range(1, task.event_seq + 1))


async def test_who_wants_only_some_kinds_has_the_head_before_any_of_them_comes(caller: Caller) -> None:
    task: Task = await sync_to_async(caller.submit)()
    async with asyncio.timeout(PATIENCE_SECONDS):
        response = await get(caller, {"workflow_id": str(task.id), "types": "ERROR_OCCURRED"})
        chunks = aiter(response.streaming_content)
        assert (await anext(chunks)).startswith(b"retry: ")
        await chunks.aclose()


@pytest.mark.parametrize("by", ["header", "query"])
async def test_a_reader_goes_on_where_it_left_off(caller: Caller, by: str) -> None:
    task = await cancelled(caller)
    if by == "header":
        messages = await read(caller, task, {}, **{"Last-Event-ID": "2"})
    else:
        messages = await read(caller, task, query={"last_event_id": "2"})
    assert [int(message["id"]) for message in messages] == list(range(3, task.event_seq + 1))


async def test_the_header_comes_before_the_query(caller: Caller) -> None:
    task = await cancelled(caller)
    messages = await read(caller, task, query={"last_event_id": "1"}, **{"Last-Event-ID": "3"})
    assert messages[0]["id"] == "4"


@pytest.mark.parametrize("beyond", [0, 1, 10**6])
async def test_a_reader_that_has_everything_gets_done_at_once(caller: Caller, beyond: int) -> None:
    task = await cancelled(caller)
    messages = await read(caller, task, query={"last_event_id": str(task.event_seq + beyond)})
    assert messages == [{"id": str(task.event_seq), "event": "done", "data": "[DONE]"}]


@pytest.mark.parametrize("types", ["LLM_OUTPUT", "thread.message.completed", " LLM_OUTPUT ,WAITING"])
async def test_a_filter_takes_kinds_and_names_and_still_ends_with_done(caller: Caller, types: str) -> None:
    task = await cancelled(caller)
    messages = await read(caller, task, query={"types": types})
    assert [message["event"] for message in messages] == ["thread.message.completed", "done"]


async def test_what_happens_is_sent_at_once_and_deltas_are_live_only(caller: Caller) -> None:
    task: Task = await sync_to_async(caller.submit)()
    async with asyncio.timeout(PATIENCE_SECONDS):
        response = await get(caller, {"workflow_id": str(task.id)})
        messages = messages_of(response)
        while (message := await anext(messages)).get("event") != "WORKFLOW_STARTED":
            pass
        waiting = asyncio.ensure_future(anext(messages))
        while not waiting.done():  # until the reader has subscribed, a delta is lost: it is live only
            await sync_to_async(delta_publish)(task_id=task.id, step_key="agent", agent_id="a", text="Hel")
            await asyncio.wait([waiting], timeout=0.05)
        message = waiting.result()
        assert message["event"] == "thread.message.delta"
        assert "id" not in message
        assert (message.body["delta"], message.body["step_key"]) == ("Hel", "agent")
        await sync_to_async(append)(task, "PROGRESS", "half", {})
        while (message := await anext(messages))["event"] == "thread.message.delta":
            pass
        assert (message["event"], message["id"], message.body["message"]) == ("PROGRESS", "2", "half")
        await sync_to_async(task_cancel)(principal=caller.principal, task_id=task.id, reason="")
        names = [message["event"] async for message in messages]
        assert names[-1] == "done"
        assert "workflow.cancelled" in names


async def test_a_quiet_stream_has_a_heartbeat(caller: Caller, settings: Settings) -> None:
    settings.SHANNON_SSE_HEARTBEAT_SECONDS = 0.05
    task: Task = await sync_to_async(caller.submit)()
    async with asyncio.timeout(PATIENCE_SECONDS):
        response = await get(caller, {"workflow_id": str(task.id)})
        messages = messages_of(response)
        while await anext(messages) != {"comment": "ping"}:
            pass
        await messages.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({}, "workflow_id"),
        ({"workflow_id": ""}, "workflow_id"),
        ({"workflow_id": "…", "last_event_id": "abc"}, "last_event_id"),
        ({"workflow_id": "…", "last_event_id": "-1"}, "last_event_id"),
        ({"workflow_id": "…", "last_event_id": "1700-0"}, "last_event_id"),
        ({"workflow_id": "…", "last_event_id": "9" * 30}, "last_event_id"),
        ({"workflow_id": "…", "last_event_id": "²"}, "last_event_id"),
        ({"workflow_id": "…", "types": "NONSENSE"}, "NONSENSE"),
        ({"workflow_id": "…", "follow": "1"}, "follow"),
    ],
)
async def test_bad_parameters_are_refused(caller: Caller, query: dict[str, str], says: str) -> None:
    task: Task = await sync_to_async(caller.submit)()
    query = {name: str(task.id) if value == "…" else value for name, value in query.items()}
    response = await get(caller, query)
    assert says in error_of(response, 400)["message"]


async def test_a_bad_last_event_id_header_is_refused(caller: Caller) -> None:
    task: Task = await sync_to_async(caller.submit)()
    error_of(await get(caller, {"workflow_id": str(task.id)}, **{"Last-Event-ID": "x"}), 400)


@pytest.mark.parametrize("workflow_id", ["task-user-123", "00000000-0000-7000-8000-000000000000"])
async def test_an_unknown_workflow_is_not_found(caller: Caller, workflow_id: str) -> None:
    assert error_of(await get(caller, {"workflow_id": workflow_id}), 404)["code"] == "TASK_NOT_FOUND"


async def test_a_workflow_of_another_tenant_is_not_found(caller: Caller, stranger: Caller) -> None:
    task = await cancelled(stranger)
    error_of(await get(caller, {"workflow_id": str(task.id)}), 404)


async def test_a_key_may_come_in_any_of_three_ways(caller: Caller) -> None:
    task = await cancelled(caller)
    assert len(await read(caller, task)) == task.event_seq
    bearer = await get(None, {"workflow_id": str(task.id)}, Authorization=f"Bearer {caller.key}")
    in_query = await get(None, {"workflow_id": str(task.id), "api_key": caller.key})
    for response in (bearer, in_query):
        assert response.status_code == 200
        assert len([message async for message in messages_of(response) if "event" in message]) == task.event_seq


async def test_a_stream_wants_a_key_and_its_scope(caller: Caller, caller_with: Callable[..., Caller]) -> None:
    task: Task = await sync_to_async(caller.submit)()
    error_of(await get(None, {"workflow_id": str(task.id)}), 401)
    writer = await sync_to_async(caller_with)("tasks:write")
    error_of(await get(writer, {"workflow_id": str(task.id)}), 403)


async def test_other_methods_are_refused_with_the_envelope(caller: Caller) -> None:
    for method in ("post", "delete"):
        response = await getattr(AsyncClient(), method)(URL, headers={"X-API-Key": caller.key})
        error_of(response, response.status_code)
        assert response.status_code in (403, 405)


async def test_an_event_stream_accept_header_does_not_change_how_errors_look(caller: Caller) -> None:
    error_of(await get(caller, {"workflow_id": "nothing"}, Accept="text/event-stream"), 404)


@pytest.mark.parametrize("turns", [*range(0, 60, 3), 200])
async def test_the_hub_ends_when_it_is_told_to_wherever_it_is(turns: int) -> None:
    async with WakeHub().listen(uuid4()):
        for _ in range(turns):
            await asyncio.sleep(0)
        (listener,) = [task for task in asyncio.all_tasks() if task.get_name() == "wake-hub"]
        listener.cancel()
        _, pending = await asyncio.wait([listener], timeout=PATIENCE_SECONDS)
    assert not pending
