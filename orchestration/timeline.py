"""A run as a tree: its steps, and in each what it waited for, its attempts and its effects, with times and costs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from agents.selectors import EntryView, entries_of, entry_sums
from agents.services import bounded_json, values_shown
from orchestration.models import Approval, Event, Step, Task
from orchestration.types import EventKind

SUMMARY: Final = "summary"
FULL: Final = "full"
STEPS_MAX: Final = 500
ENTRIES_MAX: Final = 5_000
ENTRIES_WITH_PAYLOADS_MAX: Final = 500
PAYLOAD_MAX_BYTES: Final = 8 * 1024
TEXT_SHOWN_CHARACTERS: Final = 1_024  # of a text that is stored apart, as all are in payloads over 64 KiB
_ATTEMPT_KINDS: Final = (
    EventKind.AGENT_STARTED,
    EventKind.AGENT_COMPLETED,
    EventKind.ERROR_RECOVERY,
    EventKind.ERROR_OCCURRED,
)


def timeline(*, task: Task, mode: str, with_payloads: bool, limit: int, offset: int) -> dict[str, Any]:
    """Return a run as a tree of JSON values. The caller has checked whose task it is.

    Three queries in summary mode and five in full, however many steps, and one more where payloads are stored as blobs;
    each is bounded.

    Args:
        task: The run.
        mode: `summary`: steps with what their effects add up to; `full`: each attempt and each effect too.
        with_payloads: Whether effects come with what was asked and answered, each cut at 8 KiB.
        limit: Steps of this page.
        offset: Steps before it.

    Returns:
        `{"workflow_id", "status", "mode", "duration_ms", "usage", "waits", "steps": [{…, "waits", "attempts",
        "entries"}], "total_steps", "truncated"}`; durations in milliseconds, None while something goes on.
    """
    rows = Step.objects.filter(task_id=task.id).defer("input", "output")
    steps, total = list(rows.order_by("position")[offset : offset + limit]), rows.count()
    waits = _waits(task.id)
    known: dict[str, Mapping[Any, Any]] = {"waits": waits}
    truncated = False
    step_ids = [step.id for step in steps]
    if mode == FULL:
        most = ENTRIES_WITH_PAYLOADS_MAX if with_payloads else ENTRIES_MAX
        entries = entries_of(step_ids=step_ids, limit=most + 1, with_payloads=with_payloads)
        truncated = len(entries) > most
        known["entries"] = _by_step(_with_heads(task, entries[:most]))
        known["attempts"] = _attempts(task.id, [step.key for step in steps])
    else:
        known["effects"] = entry_sums(step_ids=step_ids)
    return {
        **_task_json(task, mode),
        "waits": waits.get(None, []),
        "steps": [_step_json(step, mode, known) for step in steps],
        "total_steps": total,
        "truncated": truncated,
    }


def _task_json(task: Task, mode: str) -> dict[str, Any]:
    return {
        "workflow_id": str(task.id),
        "task_id": str(task.id),
        "run_id": str(task.id),
        "mode": mode,
        "status": task.status,
        "strategy": task.strategy,
        "created_at": _time(task.created_at),
        "started_at": _time(task.started_at),
        "completed_at": _time(task.completed_at),
        "queued_ms": _ms(task.created_at, task.started_at),
        "duration_ms": _ms(task.created_at, task.completed_at),
        "usage": _usage(task, task.cost_usd if task.cost_is_complete else None),
        "events": task.event_seq,
        "forked_from": str(task.forked_from_id) if task.forked_from_id else None,
        "error": task.error,
    }


def _step_json(step: Step, mode: str, known: Mapping[str, Mapping[Any, Any]]) -> dict[str, Any]:
    shown = {
        "step_key": step.key,
        "kind": step.kind,
        "title": step.title,
        "status": step.status,
        "depends_on": step.depends_on,
        "attempt": step.attempt,
        "failures": step.failures,
        "created_at": _time(step.created_at),
        "started_at": _time(step.started_at),
        "completed_at": _time(step.completed_at),
        "queued_ms": _ms(step.created_at, step.started_at),
        "duration_ms": _ms(step.started_at, step.completed_at),
        "usage": _usage(step, step.cost_usd),
        "error": step.error,
        "copied_from": str(step.copied_from) if step.copied_from else None,
        "waits": known["waits"].get(step.id, []),
    }
    if mode != FULL:
        return {**shown, "effects": known["effects"].get(step.id, {})}
    entries = known["entries"].get(step.id, [])
    return {**shown, "attempts": known["attempts"].get(step.key, []), "entries": entries}


def _waits(task_id: UUID) -> dict[UUID | None, list[dict[str, Any]]]:
    """Return what was asked of people, by step; one query."""
    found: dict[UUID | None, list[dict[str, Any]]] = defaultdict(list)
    rows = Approval.objects.filter(task_id=task_id).defer("subject", "context").order_by("created_at", "id")
    for approval in rows[:ENTRIES_MAX]:
        found[approval.step_id].append(
            {
                "approval_id": str(approval.id),
                "position": approval.position,
                "action": approval.action,
                "requested_by": approval.requested_by,
                "status": approval.status,
                "decided_by": approval.decided_by,
                "asked_at": _time(approval.created_at),
                "decided_at": _time(approval.decided_at),
                "duration_ms": _ms(approval.created_at, approval.decided_at),
            }
        )
    return found


def _attempts(task_id: UUID, step_keys: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return how each execution of a step began and ended, from the events; one query."""
    rows = Event.objects.filter(task_id=task_id, kind__in=_ATTEMPT_KINDS, step_key__in=step_keys).order_by("seq")
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in rows.only("kind", "step_key", "message", "payload", "created_at", "seq")[:ENTRIES_MAX]:
        found[event.step_key].append(
            {
                "event": event.kind,
                "seq": event.seq,
                "attempt": event.payload.get("attempt"),
                "at": _time(event.created_at),
                "duration_ms": event.payload.get("duration_ms"),
                "error": (event.payload.get("error") or {}).get("code"),
            }
        )
    return found


def _with_heads(task: Task, entries: Sequence[EntryView]) -> list[EntryView]:
    """Return effects whose payloads have the beginnings of large texts in place of references."""
    values = [value for entry in entries for value in (entry.request, entry.response)]
    shown = iter(values_shown(task.tenant_id, values, characters=TEXT_SHOWN_CHARACTERS))
    return [replace(entry, request=next(shown), response=next(shown)) for entry in entries]


def _by_step(entries: Iterable[EntryView]) -> dict[UUID, list[dict[str, Any]]]:
    found: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for entry in entries:
        found[entry.step_id].append(entry_json(entry))
    return found


def entry_json(entry: EntryView) -> dict[str, Any]:
    """Return one effect as JSON; its payloads, if it has them, are cut."""
    shown: dict[str, Any] = {
        "position": entry.position,
        "kind": entry.kind,
        "key": entry.key,
        "status": entry.status,
        "attempt": entry.attempt,
        "copied": entry.is_copied,
        "started_at": _time(entry.started_at),
        "finished_at": _time(entry.finished_at),
        "duration_ms": _ms(entry.started_at, entry.finished_at),
        "usage": _usage(entry, entry.cost_usd),
        "error": entry.error,
    }
    if entry.request is not None:
        shown["request"] = bounded_json(entry.request, PAYLOAD_MAX_BYTES)
        shown["response"] = None if entry.response is None else bounded_json(entry.response, PAYLOAD_MAX_BYTES)
    return shown


def _usage(row: Task | Step | EntryView, cost_usd: Decimal | None) -> dict[str, Any]:
    return {
        "prompt_tokens": row.prompt_tokens,
        "completion_tokens": row.completion_tokens,
        "total_tokens": row.prompt_tokens + row.completion_tokens,
        "cost_usd": None if cost_usd is None else str(cost_usd),
    }


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _ms(begin: datetime | None, end: datetime | None) -> int | None:
    return round((end - begin).total_seconds() * 1000) if begin and end else None
