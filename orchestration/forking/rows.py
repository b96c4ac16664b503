"""Writing the steps of a fork. The caller's transaction has just made its task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models.functions import Now

from agents.models import JournalEntry
from agents.services import blobs_keep, digests_in, journal_copy, value_pack, value_unpack
from orchestration.engine.dependencies import Release
from orchestration.errors import DependencyFailed
from orchestration.events.write import EventDraft, events_append
from orchestration.forking.edits import ForkEdits
from orchestration.forking.selection import Selection, beginnings
from orchestration.models import Step, Task
from orchestration.types import TASK_TERMINAL, EventKind, StepKind, StepStatus, TaskStatus
from shannon_project.foundation.ids import uuid7


@dataclass(frozen=True, slots=True)
class ForkPlan:
    """All that is decided about a fork before its task is inserted. `cut`: the first position not copied."""

    source: Task
    selection: Selection
    edits: ForkEdits
    cut: int

    @property
    def position(self) -> int | None:
        """The position from which the fork step goes on; None when it begins anew."""
        return self.cut or None


def source_lock(plan: ForkPlan) -> None:
    """Lock the source before anything else, as all that ends it does: a task's row comes before its session's.

    Otherwise a source that ends and its fork, each with one of the two rows, would wait for each other.
    """
    Task.objects.select_for_update(no_key=True).only("id").get(id=plan.source.id)


def fork_write(task: Task, plan: ForkPlan, *, is_held: bool) -> None:
    """Give a new task what its source has done, and tell both; `is_held`: a person is asked before it begins."""
    steps = _steps(task, plan)
    values = [value for step in steps.values() for value in (step.input, step.output)]
    blobs_keep(tenant_id=task.tenant_id, digests=digests_in(values))
    Step.objects.bulk_create(steps.values())
    fork_step = steps[plan.selection.fork_step.key]
    edit = plan.edits.tool_output
    entries = journal_copy(
        tenant_id=task.tenant_id,
        source_step_id=plan.selection.fork_step.id,
        step_id=fork_step.id,
        task_id=task.id,
        below=plan.cut,
        tool_outputs={} if edit is None else {edit.position: edit.output},
    )
    copied = _copied_work(plan.selection.copied, entries)
    task.parameters["fork"]["copied"] = copied
    Task.objects.filter(id=task.id).update(
        forked_from=plan.source,
        forked_from_step=fork_step.key,
        forked_from_position=plan.position,
        parameters=task.parameters,
        message_count=sum(step.kind == StepKind.MESSAGE for step in plan.selection.copied),
        **({} if is_held else {"status": TaskStatus.RUNNING, "started_at": Now()}),
    )
    _tell(task, plan, copied)


def _copied_work(steps: Sequence[Step], entries: Sequence[JournalEntry]) -> dict[str, Any]:
    """Return what is copied and what its source paid for it; the cost is None when some price was unknown."""
    used: list[Step | JournalEntry] = [*steps, *entries]
    paid = [step.cost_usd for step in steps] + [entry.cost_usd for entry in entries if entry.kind == "model"]
    known = [cost for cost in paid if cost is not None]
    return {
        "steps": len(steps),
        "journal_entries": len(entries),
        "total_tokens": sum(row.prompt_tokens + row.completion_tokens for row in used),
        "cost_usd": str(sum(known, Decimal(0))) if len(known) == len(paid) else None,
    }


def _steps(task: Task, plan: ForkPlan) -> dict[str, Step]:
    started, places = beginnings(plan.selection), plan.selection.positions
    copied = {step.key: _copied(task, step, places[step.key]) for step in plan.selection.copied}
    anew = {step.key: _anew(task, step, places[step.key], started[step.key]) for step in plan.selection.anew}
    fork_step = anew[plan.selection.fork_step.key]
    _instruct(fork_step, plan)
    if plan.edits.model_tier is not None:
        for step in anew.values():
            step.input = {name: value for name, value in step.input.items() if name != "tier"}
    if plan.edits.plan is not None:
        fork_step.status, fork_step.completed_at = StepStatus.SUCCEEDED, Now()
        fork_step.output = value_pack(task.tenant_id, {"plan": dict(plan.edits.plan), "text": ""})
    return copied | anew


def _instruct(fork_step: Step, plan: ForkPlan) -> None:
    """Give the fork step its edited instruction; one that was the request follows the request."""
    if plan.edits.instructions is None and plan.edits.query is None:
        return
    tenant_id = plan.source.tenant_id
    given = value_unpack(tenant_id, fork_step.input)
    if plan.edits.instructions is not None:
        given["instruction"] = plan.edits.instructions
    elif given.get("instruction") == plan.source.query:
        given["instruction"] = plan.edits.query
    fork_step.input = value_pack(tenant_id, given)


def _specified(task: Task, step: Step, position: int, **state: Any) -> Step:
    """Return a new step that is to do what another one was."""
    return Step(
        id=uuid7(),
        task=task,
        key=step.key,
        position=position,
        kind=step.kind,
        title=step.title,
        input=step.input,
        depends_on=step.depends_on,
        on_dependency_failure=step.on_dependency_failure,
        **state,
    )


def _copied(task: Task, step: Step, position: int) -> Step:
    return _specified(
        task,
        step,
        position,
        status=step.status,
        output=step.output,
        error=step.error,
        copied_from=step.id,
        started_at=step.started_at,
        completed_at=step.completed_at,
    )


def _anew(task: Task, step: Step, position: int, begin: Release) -> Step:
    is_skipped = begin.status is StepStatus.SKIPPED
    error = DependencyFailed.of(begin.failed_dependency).as_json() if is_skipped else None
    return _specified(task, step, position, status=begin.status, open_dependencies=begin.open_dependencies, error=error)


def _tell(task: Task, plan: ForkPlan, copied: Mapping[str, Any]) -> None:
    """Tell both tasks; `source_lock` holds the source. One that has ended hears nothing more: its stream is closed."""
    key = plan.selection.fork_step.key
    payload = {"step_key": key, "position": plan.position}
    told = EventDraft(
        EventKind.STATUS_UPDATE,
        f"Forked at {key}: {copied['steps']} steps are copied",
        {**payload, "forked_from": str(plan.source.id), "copied": copied},
        key,
    )
    events_append(task_id=task.id, drafts=[told])
    status = Task.objects.values_list("status", flat=True).get(id=plan.source.id)
    if status not in TASK_TERMINAL:
        told = EventDraft(EventKind.STATUS_UPDATE, f"Forked at {key}", {**payload, "fork": str(task.id)}, key)
        events_append(task_id=plan.source.id, drafts=[told])
