"""What a step saw when it came to a place of its journal: what it was told, found, allowed, and had used by then."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from agents.selectors import EntryView, JournalSums, entries_until, sums_before, usage_until
from agents.services import value_unpack, values_unpack
from orchestration.errors import StepNotFound
from orchestration.models import Step, Task
from orchestration.timeline import entry_json
from policy.selectors import budget_states
from policy.types import BudgetRef, BudgetScope
from shannon_project.foundation.errors import InvalidInput

ENTRIES_MAX: Final = 1_000
_REFUSALS: Final = frozenset({"POLICY_DENIED", "APPROVAL_DENIED", "BUDGET_EXCEEDED"})
_SEARCH: Final = "memory_search"


def state_at(*, task: Task, step_key: str, position: int) -> dict[str, Any]:
    """Return what a step saw at a position of its journal. The caller has checked whose task it is.

    Six queries, and two more where values are stored as blobs.

    Args:
        task: The run.
        step_key: The step.
        position: Of the effect that was about to be asked for; the number of effects for the step's end.

    Returns:
        `{"step", "effect", "messages", "observed", "memory_hits", "decisions", "budget", "before", "left_out"}`: the
        step's input; the effect at the position, None at the step's end or while nothing happened there; what the
        model that was asked there, or last before it, was told; listings of files, histories and messages that were
        read before it; what was found in memory; what people and policies decided about them, and policies about the
        one at the position; what step and task had used by then, and their task's limit; the effects before, of a long
        journal the last ones, and how many places before those are left out.

    Raises:
        StepNotFound: The task has no such step.
        InvalidInput: The step's journal is shorter (the caller's fault).
    """
    step = Step.objects.filter(task_id=task.id, key=step_key).first()
    if step is None:
        raise StepNotFound(details={"task_id": str(task.id), "step_key": step_key[:128]})
    sums = sums_before(step_id=step.id, position=position)
    if position > sums.end:
        raise InvalidInput(f"position: the step's journal has {sums.end} effects; use 0 to that.")
    entries = entries_until(step_id=step.id, position=position, limit=ENTRIES_MAX)
    whole = _whole(task, entries)
    before = [entry for entry in whole if entry.position < position]
    here = next((entry for entry in whole if entry.position == position), None)
    return {
        "task_id": str(task.id),
        "step_key": step.key,
        "position": position,
        "step": {"kind": step.kind, "title": step.title, "input": value_unpack(task.tenant_id, step.input)},
        "effect": None if here is None else entry_json(replace(here, request=None)),
        "messages": _messages(whole),
        "observed": [
            {"kind": entry.kind, "key": entry.key, "saw": entry.response} for entry in before if _is_look(entry)
        ],
        "memory_hits": [entry.response for entry in before if entry.kind == "tool" and entry.key == _SEARCH],
        "decisions": [decision for entry in whole for decision in _decisions(entry, is_over=entry is not here)],
        "budget": _budget(task, sums, before, here),
        "before": [entry_json(replace(entry, request=None)) for entry in before],
        "left_out": before[0].position if before else 0,
    }


def _whole(task: Task, entries: Sequence[EntryView]) -> list[EntryView]:
    """Return entries with their values as they were, also those that are stored as blobs."""
    values = [value for entry in entries for value in (entry.request or {}, entry.response)]
    whole = iter(values_unpack(task.tenant_id, values))
    return [replace(entry, request=next(whole), response=next(whole)) for entry in entries]


def _messages(entries: Sequence[EntryView]) -> list[Any]:
    asked = [entry.request for entry in entries if entry.kind == "model" and entry.request]
    return list(asked[-1].get("messages", [])) if asked else []


def _is_look(entry: EntryView) -> bool:
    """Whether the effect was a look at something, not an act: its request is empty."""
    return not entry.request and entry.kind not in {"model", "tool", "approval"}


def _decisions(entry: EntryView, *, is_over: bool) -> list[dict[str, Any]]:
    """Return what was decided about an effect: by policies before it, by a person, or by what refused it in the end."""
    place = {"position": entry.position, "effect": f"{entry.kind} {entry.key}"}
    found = [{**place, "by": "policy", **decision} for decision in entry.decisions or ()]
    if not is_over:
        return found
    if entry.kind == "approval":
        return [*found, {**place, "by": "person", **(entry.response or {})}]
    error = (entry.response or {}).get("error") or entry.error or {}
    return [*found, {**place, "by": "policy or budget", "error": error}] if error.get("code") in _REFUSALS else found


def _budget(task: Task, used: JournalSums, before: Sequence[EntryView], here: EntryView | None) -> dict[str, Any]:
    """Return what had been used when the effect began; without one, by all of the step."""
    (limit,) = budget_states(tenant_id=task.tenant_id, refs=[BudgetRef(BudgetScope.TASK, task.id)]) or (None,)
    ended = [entry.finished_at for entry in before if entry.finished_at is not None]
    until = here.started_at if here is not None else max(ended, default=None)
    return {
        "step_tokens": used.tokens,
        "step_cost_usd": None if used.cost_usd is None else str(used.cost_usd),
        "task_tokens": 0 if until is None else usage_until(task_id=task.id, until=until),
        "task_limit_tokens": limit.limit_tokens if limit else None,
    }
