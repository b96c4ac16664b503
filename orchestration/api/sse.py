"""Server-sent events: how an event of a task looks on the wire (WHATWG HTML, section 9.2).

Data is ASCII JSON: the official client splits lines at U+2028 and U+0085 too, which JSON would leave unescaped.
"""

import json
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from orchestration.events.follow import Delta, Idle, follow_pages
from orchestration.events.reading import Opening
from orchestration.models import Event
from orchestration.types import TASK_TERMINAL, EventKind
from shannon_project.foundation.errors import InvalidInput

DELTA_NAME: Final = "thread.message.delta"
STREAM_NAMES: Final[Mapping[str, str]] = {
    EventKind.LLM_OUTPUT: "thread.message.completed",
    EventKind.ERROR_OCCURRED: "error",
    EventKind.STREAM_END: "done",
    EventKind.WORKFLOW_PAUSING: "workflow.pausing",
    EventKind.WORKFLOW_PAUSED: "workflow.paused",
    EventKind.WORKFLOW_RESUMED: "workflow.resumed",
    EventKind.WORKFLOW_CANCELLING: "workflow.cancelling",
    EventKind.WORKFLOW_CANCELLED: "workflow.cancelled",
}
"""Kinds that have another name on the stream; the others keep theirs."""

EVENT_NAMES: Final = sorted(
    STREAM_NAMES.get(kind, str(kind))
    for kind in EventKind
    if kind not in {EventKind.STREAM_END, EventKind.ERROR_OCCURRED}
)
"""What a reader of the stream listens to beside `done`, `error` and the pieces of text."""

NOT_MADE_HERE: Final = frozenset(
    {
        "DATA_PROCESSING",
        "LEAD_TOOL_CALL",
        "SCREENSHOT_SAVED",
        "TEAM_RETIRED",
        "WAITING",
        "WARNING",
    }
)
"""Names of the reference system that a client may ask for and that never come."""

_KIND_BY_NAME: Final[Mapping[str, str]] = {
    **{str(kind): str(kind) for kind in EventKind},
    **{name: str(kind) for kind, name in STREAM_NAMES.items()},
    **{name: name for name in NOT_MADE_HERE},
    DELTA_NAME: DELTA_NAME,
    "LLM_PARTIAL": DELTA_NAME,
}
HEARTBEAT: Final = b": ping\n\n"


def kinds_wanted(types: str) -> frozenset[str] | None:
    """Return the kinds that a comma-separated filter names, or None for all.

    Args:
        types: Kinds (`LLM_OUTPUT`) or names on the stream (`thread.message.completed`).

    Raises:
        InvalidInput: A name is not known (the caller's fault).
    """
    names = [name.strip() for name in types.split(",") if name.strip()]
    if unknown := sorted({name[:64] for name in names if name not in _KIND_BY_NAME}):
        raise InvalidInput(
            f"types: unknown event type: {', '.join(unknown[:10])}.",
            details={"unknown": unknown[:10], "allowed": sorted(_KIND_BY_NAME)},
        )
    return frozenset(_KIND_BY_NAME[name] for name in names) or None


def frame(*, name: str, data: str, seq: int | None = None) -> bytes:
    """Return one message of the stream; without a number it does not move the reader's place."""
    place = f"id: {seq}\n" if seq is not None else ""
    return f"{place}event: {name}\ndata: {data}\n\n".encode()


def event_frame(event: Event) -> bytes:
    """Return a stored event as a message; the terminal one is `done` with `[DONE]`."""
    if event.kind == EventKind.STREAM_END:
        return done_frame(event.seq)
    name = STREAM_NAMES.get(event.kind, event.kind)
    return frame(name=name, data=json.dumps(event_body(event, on_stream=True)), seq=event.seq)


def done_frame(seq: int) -> bytes:
    """Return the message after which nothing comes."""
    return frame(name=STREAM_NAMES[EventKind.STREAM_END], data="[DONE]", seq=seq)


def delta_frame(task_id: UUID, delta: Delta) -> bytes:
    """Return a piece of model text as a message; it is live only, so it has no number."""
    return frame(name=DELTA_NAME, data=json.dumps(delta_body(task_id, delta)))


def delta_body(task_id: UUID, delta: Delta) -> dict[str, Any]:
    """Return a piece of model text as JSON."""
    return {
        "type": DELTA_NAME,
        "workflow_id": str(task_id),
        "agent_id": delta.agent_id,
        "step_key": delta.step_key,
        "delta": delta.text,
        "message": delta.text,
    }


def event_body(event: Event, *, on_stream: bool = False) -> dict[str, Any]:
    """Return an event as JSON, as lists and streams show it.

    Args:
        event: The event.
        on_stream: Use the stream's name as `type`, as the official client's enumeration does, and repeat a model's
            finished text as `response`, where viewers of the reference system look for it.
    """
    kind = event.kind
    body = {
        "workflow_id": str(event.task_id),
        "type": kind,
        "agent_id": event.agent_id,
        "step_key": event.step_key,
        "message": event.message,
        "payload": event.payload,
        "timestamp": event.created_at.isoformat(),
        "seq": event.seq,
        "stream_id": str(event.seq),
    }
    if on_stream and kind in STREAM_NAMES and kind != EventKind.ERROR_OCCURRED:
        body["type"] = STREAM_NAMES[kind]
    if on_stream and kind == EventKind.LLM_OUTPUT:
        body["response"] = event.payload.get("response") or event.payload.get("text", event.message)
    return body


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a stream. `event` is None where the reader has the terminal event already, or it is kept no more."""

    seq: int
    event: Event | None = None


async def task_pages(
    opening: Opening, *, after_seq: int, kinds: frozenset[str] | None, heartbeat_seconds: float
) -> AsyncGenerator[Sequence[Event | Delta | Idle | Done], None]:
    """Yield the stream of a task: what is stored after `after_seq`, then what happens, and `Done` as the last.

    What is there together is yielded together, and never nothing.

    Args:
        opening: A task that the reader may see, and its first events after `after_seq`.
        after_seq: Number of the last event that the reader has; one that does not exist yet counts as the newest.
        kinds: Kinds to yield, or None for all; `Done` always comes.
        heartbeat_seconds: Time without anything to yield after which `Idle` is yielded.
    """
    task = opening.task
    after_seq = min(after_seq, task.event_seq)
    if task.status in TASK_TERMINAL and after_seq == task.event_seq:
        yield [Done(task.event_seq)]
        return
    yielded_at_seconds = time.monotonic()
    pages_of = follow_pages(task.id, after_seq=after_seq, heartbeat_seconds=heartbeat_seconds, opening=opening)
    async with aclosing(pages_of) as pages:
        async for page in pages:
            wanted, is_done = _wanted(page, kinds)
            if wanted:
                yielded_at_seconds = time.monotonic()
                yield wanted
            elif time.monotonic() - yielded_at_seconds >= heartbeat_seconds:
                yielded_at_seconds = time.monotonic()
                yield [Idle()]  # much happens, but nothing of what this reader wants to hear
            if is_done:
                return
    yield [Done(task.event_seq)]  # its events were dropped with their month


def _wanted(
    page: Sequence[Event | Delta | Idle], kinds: frozenset[str] | None
) -> tuple[Sequence[Event | Delta | Idle | Done], bool]:
    """Return what of a page a reader wants to hear, up to the stream's end, and whether that is in it."""
    wanted: list[Event | Delta | Idle | Done] = []
    for item in page:
        if isinstance(item, Event) and item.kind == EventKind.STREAM_END:
            return [*wanted, Done(item.seq, item)], True
        if _is_wanted(item, kinds):
            wanted.append(item)
    return wanted, False


def _is_wanted(item: Event | Delta | Idle, kinds: frozenset[str] | None) -> bool:
    if kinds is None or isinstance(item, Idle):
        return True
    return (DELTA_NAME if isinstance(item, Delta) else item.kind) in kinds


async def task_frames(opening: Opening, *, after_seq: int, kinds: frozenset[str] | None) -> AsyncGenerator[bytes, None]:
    """Yield `task_pages` as server-sent events; the first of them come with the stream's head, in one write."""
    task_id = opening.task.id
    head = f"retry: {settings.SHANNON_SSE_RETRY_MILLISECONDS}\n: task {task_id}\n\n".encode()
    if not opening.page or kinds is not None:
        yield head  # nothing of what this reader wants may come for long
        head = b""
    heartbeat_seconds = settings.SHANNON_SSE_HEARTBEAT_SECONDS
    found = task_pages(opening, after_seq=after_seq, kinds=kinds, heartbeat_seconds=heartbeat_seconds)
    async with aclosing(found) as pages:
        async for page in pages:
            yield head + b"".join(_frame(task_id, item) for item in page)
            head = b""


def _frame(task_id: UUID, item: Event | Delta | Idle | Done) -> bytes:
    match item:
        case Event():
            return event_frame(item)
        case Delta():
            return delta_frame(task_id, item)
        case Done():
            return done_frame(item.seq)
        case Idle():
            return HEARTBEAT
