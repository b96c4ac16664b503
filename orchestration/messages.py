"""Messages of people to a running task. Each is a step that has ended: strategies, forks and replays see it."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from agents.services import bounded_text
from orchestration.engine.dispatch import ring_advance
from orchestration.errors import (
    TaskAlreadyFinished,
    TaskNotFound,
    TooManyMessages,
    UnsupportedOption,
)
from orchestration.events.write import EventDraft, events_append
from orchestration.idempotency import key_claim, request_digest
from orchestration.models import IdempotencyRecord, Step, Task
from orchestration.types import TASK_TERMINAL, EventKind, StepKind, StepStatus
from policy.types import Principal
from shannon_project.foundation.errors import InvalidInput

ENDPOINT: Final = "messages"
SHOWN_CHARS = 2_000
WITHOUT_AGENTS = frozenset({"tool", "fanout"})


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message's number in its task, from 1, and whether this call sent it (False: an earlier one with the key)."""

    number: int
    created: bool = True


def message_send(
    *, principal: Principal, task_id: UUID, text: str, to: str = "", idempotency_key: str | None = None
) -> SentMessage:
    """Tell the agents of a running task something; they hear it before their next turn.

    The lead of a swarm, or a supervisor, hears it before its next decision and passes it on.

    Args:
        principal: Who says it.
        task_id: The task.
        text: What is said; not empty, at most `SHANNON_MESSAGE_MAX_BYTES` as UTF-8.
        to: One agent's name; empty: whoever works.
        idempotency_key: The same key and message give the first answer again, also when the task has ended since.

    Raises:
        TaskNotFound: There is no such task in the tenant.
        TaskAlreadyFinished: Nobody works on it any more.
        TooManyMessages: The task has had `SHANNON_TASK_MAX_MESSAGES`.
        InvalidInput: The text is empty, too long, or cannot be stored.
        UnsupportedOption: The task has no agents who could hear it.
        IdempotencyMismatch: The key was used for another message.
    """
    _text_check(text)
    with transaction.atomic():
        record = None
        if idempotency_key:
            digest = request_digest([str(task_id), text, to])
            record, earlier = key_claim(
                principal=principal,
                endpoint=ENDPOINT,
                key=idempotency_key,
                digest=digest,
                made=lambda record: record.message_number,
            )
            if earlier is not None:
                return SentMessage(earlier, created=False)
        rows = Task.objects.select_for_update(no_key=True).filter(id=task_id, tenant_id=principal.tenant_id)
        if (task := rows.first()) is None:
            raise TaskNotFound(details={"task_id": str(task_id)})
        _check(task)
        number = task.message_count + 1
        _put(task, number, principal, text, to)
        if record is not None:
            IdempotencyRecord.objects.filter(id=record.id).update(task=task, message_number=number)
    ring_advance(task_id, principal.tenant_id)
    return SentMessage(number)


def _put(task: Task, number: int, principal: Principal, text: str, to: str) -> None:
    """Insert the message as a step that has ended, count it, and tell who watches."""
    said = {"to": to, "by": principal.actor, "number": number}
    Step.objects.create(
        task=task,
        key=f"message-{number}",
        position=Step.objects.filter(task_id=task.id).count(),
        kind=StepKind.MESSAGE,
        title="A person's message",
        status=StepStatus.SUCCEEDED,
        output={"text": text, **said},
        started_at=Now(),
        completed_at=Now(),
    )
    Task.objects.filter(id=task.id).update(message_count=F("message_count") + 1)
    shown = bounded_text(text, SHOWN_CHARS)
    events_append(task_id=task.id, drafts=[EventDraft(EventKind.HITL_RESPONSE, shown, {"message": shown, **said})])


def _text_check(text: str) -> None:
    if not text.strip() or "\x00" in text:
        raise InvalidInput("message: must not be empty, nor hold NUL characters.")
    size_bytes, limit = len(text.encode(errors="replace")), settings.SHANNON_MESSAGE_MAX_BYTES
    if size_bytes > limit:
        raise InvalidInput(f"message: has {size_bytes} bytes; at most {limit} are allowed.")


def _check(task: Task) -> None:
    known = {"task_id": str(task.id), "status": task.status}
    if task.status in TASK_TERMINAL:
        raise TaskAlreadyFinished(f"The task is {task.status}; nobody works on it any more.", details=known)
    if task.strategy in WITHOUT_AGENTS:
        raise UnsupportedOption("A direct tool call has no agents who could hear a message.", details=known)
    limit = settings.SHANNON_TASK_MAX_MESSAGES
    if task.message_count >= limit:
        raise TooManyMessages(f"The task has had {limit} messages, the most that it takes.", details=known)
