"""A `shannon-*` model at work: a task is submitted, and its answer and events are told in OpenAI's shapes."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from django.conf import settings

from orchestration.api.endpoint import in_thread
from orchestration.api.openai.answer_text import AnswerText
from orchestration.api.openai.answers import AnswerWriter
from orchestration.api.openai.errors import task_error_status
from orchestration.events.follow import Delta, Idle, follow
from orchestration.models import Task
from orchestration.selectors import task_for
from orchestration.types import TaskStatus
from policy.types import Principal
from shannon_project.foundation.errors import ShannonError
from shannon_project.foundation.openai import openai_error

HEARTBEAT = b": ping\n\n"
ANSWERING_STEPS = frozenset({"agent", "synthesize"})
"""Keys of the steps whose text is the task's answer."""


class AnswerNotReady(ShannonError):
    """The task has not ended in the time that a request may wait; it goes on, and can be followed by its id."""

    code = "ANSWER_NOT_READY"
    http_status = 504


class TaskHasNoAnswer(ShannonError):
    """The task ended without an answer; the error is the task's own."""

    code = "TASK_HAS_NO_ANSWER"
    http_status = 502

    @classmethod
    def of(cls, task: Task) -> "TaskHasNoAnswer":
        """Return the error of a task that failed, was cancelled or ran out of time."""
        error = cls(details={"task_id": str(task.id), "status": str(task.status)})
        error.task_error = task.error or {}
        return error

    task_error: dict[str, Any]


async def answer_wait(principal: Principal, task: Task) -> Task:
    """Return the task when it has its answer.

    Raises:
        AnswerNotReady: It goes on for longer than a request may wait. TaskHasNoAnswer: It ended without one.
    """
    limit = settings.SHANNON_OPENAI_WAIT_SECONDS
    try:
        async with asyncio.timeout(limit), aclosing(follow(task.id)) as items:
            async for _ in items:
                pass
    except TimeoutError as error:
        raise AnswerNotReady(details={"task_id": str(task.id), "waited_seconds": limit}) from error
    ended = await in_thread(task_for, principal=principal, task_id=task.id)
    if ended.status != TaskStatus.COMPLETED:
        raise TaskHasNoAnswer.of(ended)
    return ended


async def answer_frames(
    principal: Principal, task: Task, *, writer: AnswerWriter, text: AnswerText
) -> AsyncGenerator[bytes, None]:
    """Yield the answer in pieces as it comes to be, the task's events along with them, and the end.

    The task goes on when the reader leaves. Its failure is told as OpenAI tells one in the middle of a stream.
    """
    yield writer.begin()
    sent: list[str] = []
    async with aclosing(follow(task.id, heartbeat_seconds=settings.SHANNON_SSE_HEARTBEAT_SECONDS)) as items:
        async for item in items:
            if isinstance(item, Idle):
                yield HEARTBEAT
            elif isinstance(item, Delta):
                if piece := _piece(text, item):
                    sent.append(piece)
                    yield writer.text(piece)
            else:
                yield writer.event(item)
    ended = await in_thread(task_for, principal=principal, task_id=task.id)
    if ended.status != TaskStatus.COMPLETED:
        error = {"details": {}, **(ended.error or {})}
        yield writer.failed(openai_error(error, task_error_status(error))["error"])
        return
    if rest := text.finish(ended.result or ""):
        sent.append(rest)
        yield writer.text(rest)
    yield writer.end("".join(sent), ended)


def _piece(text: AnswerText, delta: Delta) -> str:
    if delta.step_key not in ANSWERING_STEPS:
        return ""
    return text.add(delta.text, position=delta.position, attempt=delta.attempt)
