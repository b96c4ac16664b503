"""Traces, sent to a real receiver: one task's spans are one tree; off, nothing is loaded."""

import io
import json
import logging
import logging.config
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from asgiref.sync import sync_to_async
from pytest_django import Settings

from orchestration.engine.advance import task_advance
from orchestration.models import Task
from orchestration.types import TaskStatus
from shannon_project.foundation.logs import logging_config
from shannon_project.foundation.serving import OneThreadHandler
from shannon_project.foundation.tracing import span, span_now, traceparent, tracing_start, tracing_stop
from shannon_project.foundation.tracing.base import NOTHING
from shannon_project.foundation.tracing.requests import requests_traced
from tests.integration.api.callers import Caller, caller_of
from tests.integration.orchestration.playing import play, principal
from tests.otlp import Receiver, receiving

__all__ = ["principal"]

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PROGRAM = "print(1234 * 5678)"
QUESTION = f"Run this program:\n```python\n{PROGRAM}\n```"


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    """A receiver, and this process sends to it."""
    with receiving() as started:
        settings.SHANNON_TRACES_ENDPOINT = started.url
        settings.SHANNON_TRACES_SERVICE = "shannon-tests"
        tracing_start("tests")
        yield started
        tracing_stop()


@pytest.fixture
def caller(transactional_db: None) -> Caller:
    """Somebody who may submit."""
    return caller_of("ours", ["tasks:write", "tasks:read"])


async def submit(caller: Caller, **headers: str) -> httpx.Response:
    """Submit over HTTP, as web serves it."""
    transport = httpx.ASGITransport(app=requests_traced(OneThreadHandler()))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        given = {"X-API-Key": caller.key, **headers}
        return await client.post("/api/v1/tasks?api_key=secret", json={"query": QUESTION}, headers=given)


def played(response: httpx.Response) -> Task:
    """Play the submitted task, which must end well, and send all spans."""
    task = play(UUID(response.json()["task_id"]))
    assert task.status == TaskStatus.COMPLETED, task.error
    tracing_stop()
    return task


async def test_a_tasks_spans_are_one_tree_below_the_clients(caller: Caller, receiver: Receiver) -> None:
    response = await submit(caller, traceparent=f"00-{TRACE}-{PARENT}-01")
    task = await sync_to_async(played)(response)
    assert receiver.paths == {"/v1/traces"}
    assert {span.trace_id for span in receiver.spans} == {TRACE}
    (request,) = receiver.named("POST /api/v1/tasks")
    assert (request.parent_id, request.kind) == (PARENT, "SERVER")
    assert response.headers["traceparent"] == f"00-{TRACE}-{request.span_id}-01"
    assert request.attributes["http.response.status_code"] == response.status_code
    (submitting,) = receiver.named("submit task")
    assert receiver.line_of(submitting) == ["POST /api/v1/tasks"]
    assert task.traceparent == f"00-{TRACE}-{submitting.span_id}-01"
    above = ["submit task", "POST /api/v1/tasks"]
    for name, line in {
        "advance": above,
        "run_steps": above,
        "step agent": ["run_steps", *above],
        "chat offline/medium": ["step agent", "run_steps", *above],
        "execute_tool python": ["step agent", "run_steps", *above],
        "sandbox run": ["execute_tool python", "step agent", "run_steps", *above],
    }.items():
        assert receiver.named(name), name
        assert all(receiver.line_of(found) == line for found in receiver.named(name)), name


async def test_spans_say_what_was_used_and_nothing_that_was_written(caller: Caller, receiver: Receiver) -> None:
    task = await sync_to_async(played)(await submit(caller))
    calls = receiver.named("chat offline/medium")
    assert sum(call.attributes["gen_ai.usage.input_tokens"] for call in calls) == task.prompt_tokens
    assert sum(call.attributes["gen_ai.usage.output_tokens"] for call in calls) == task.completion_tokens
    assert {call.kind for call in calls} == {"CLIENT"}
    assert {call.attributes["gen_ai.provider.name"] for call in calls} == {"offline"}
    (run,) = receiver.named("sandbox run")
    assert run.attributes["shannon.outcome"] == "ok"
    assert {span.resource["service.name"] for span in receiver.spans} == {"shannon-tests"}
    assert {span.resource["shannon.role"] for span in receiver.spans} == {"tests"}
    everything = json.dumps([span.attributes for span in receiver.spans])
    assert "1234" not in everything
    assert "secret" not in everything


async def test_content_is_in_the_spans_when_the_operator_wants_it(
    caller: Caller, receiver: Receiver, settings: Settings
) -> None:
    settings.SHANNON_TRACES_CONTENT = True
    settings.SHANNON_TRACES_CONTENT_MAX_CHARACTERS = 100_000
    await sync_to_async(played)(await submit(caller))
    first, *_ = receiver.named("chat offline/medium")
    assert PROGRAM in first.attributes["gen_ai.input.messages"]
    (tool,) = receiver.named("execute_tool python")
    assert "1234" in tool.attributes["gen_ai.tool.call.arguments"]
    assert "7006652" in tool.attributes["gen_ai.tool.call.result"]


async def test_a_traceparent_that_is_none_begins_a_new_trace(caller: Caller, receiver: Receiver) -> None:
    response = await submit(caller, traceparent="00-nonsense-nonsense-01")
    tracing_stop()
    (request,) = receiver.named("POST /api/v1/tasks")
    assert request.parent_id == ""
    assert response.headers["traceparent"].startswith(f"00-{request.trace_id}-{request.span_id}-")


def test_a_task_submitted_while_traces_were_off_has_a_trace_all_the_same(caller: Caller, settings: Settings) -> None:
    task = caller.submit(QUESTION)
    assert task.traceparent == ""
    with receiving() as receiver:
        settings.SHANNON_TRACES_ENDPOINT = receiver.url
        for role in ("worker", "another"):
            tracing_start(role)
            task_advance(task.id) if role == "worker" else play(task.id)
            tracing_stop()
    assert {span.trace_id for span in receiver.spans} == {task.id.hex}
    assert {span.resource["shannon.role"] for span in receiver.spans} == {"worker", "another"}


def test_a_failure_is_told_by_its_code_and_not_in_its_words(receiver: Receiver) -> None:
    with pytest.raises(ZeroDivisionError), span("outer"), span("inner"):
        _ = 1 / 0
    tracing_stop()
    assert [(found.name, found.failed, found.attributes) for found in receiver.spans] == [
        ("inner", True, {"error.type": "ZeroDivisionError"}),
        ("outer", True, {"error.type": "ZeroDivisionError"}),
    ]


def test_lines_of_the_log_carry_the_ids_of_their_span(receiver: Receiver) -> None:
    config = logging_config(level="INFO", json_lines=True)
    written = io.StringIO()
    config["handlers"]["stderr"]["stream"] = written
    logging.config.dictConfig(config)
    with span("work"):
        logging.getLogger("shannon").info("inside")
        expected = traceparent().split("-")[1:3]
    logging.getLogger("shannon").info("outside")
    inside, outside = (json.loads(line) for line in written.getvalue().splitlines())
    assert [inside["trace_id"], inside["span_id"]] == expected
    assert "trace_id" not in outside


def test_a_receiver_that_is_away_stops_nobody(settings: Settings) -> None:
    settings.SHANNON_TRACES_ENDPOINT = "http://127.0.0.1:9"  # discard: nobody listens
    tracing_start("tests")
    with span("work") as work:
        work.note({"done": True})
    tracing_stop()


def test_off_a_span_is_one_object_and_no_library_is_loaded() -> None:
    assert span("work") is NOTHING
    assert span_now() is NOTHING
    assert traceparent() == ""
    heavy = ("google.protobuf", "opentelemetry.exporter", "opentelemetry.sdk.trace")
    look = (
        "import json, sys, django; django.setup(); import shannon_project.asgi, orchestration.worker;"
        f"print(json.dumps([name for name in sys.modules if name.startswith({heavy})]))"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    loaded: list[Any] = json.loads(done.stdout.splitlines()[-1])
    assert loaded == []
