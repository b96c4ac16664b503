"""Spans of the engine: which step ran where, how often, and how it ended."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from orchestration.engine.claim import ClaimedStep
from orchestration.engine.facts import TaskFacts
from orchestration.engine.lease import Lease
from orchestration.engine.outcome import StepEnd
from orchestration.models import Task
from orchestration.types import StepStatus
from shannon_project.foundation.tracing import Attribute, Span, SpanKind, span, task_parent, tracing_is_on

Execute = Callable[[ClaimedStep, Lease, TaskFacts], StepEnd | None]


def advance_span(task: Task) -> AbstractContextManager[Span]:
    """Surround one look at what a task should do next. Its parent is the task's, whoever rang."""
    attributes = {"shannon.task_id": str(task.id), "shannon.strategy": task.strategy}
    return span("advance", attributes, kind=SpanKind.CONSUMER, parent=task_parent(task.id, task.traceparent))


def drain_span(facts: TaskFacts) -> AbstractContextManager[Span]:
    """Surround a drainer's work on a task."""
    attributes = {"shannon.task_id": str(facts.task_id), "shannon.tenant_id": str(facts.principal.tenant_id)}
    parent = task_parent(facts.task_id, facts.traceparent)
    return span("run_steps", attributes, kind=SpanKind.CONSUMER, parent=parent)


def step_traced(execute: Execute, step: ClaimedStep, lease: Lease, facts: TaskFacts) -> StepEnd | None:
    """Execute a step inside of a span."""
    if not tracing_is_on():
        return execute(step, lease, facts)
    attributes: dict[str, Attribute] = {
        "shannon.step_id": str(step.step_id),
        "shannon.step_key": step.key,
        "shannon.step_kind": str(step.kind),
        "shannon.attempt": step.attempt,
    }
    with span(f"step {step.kind}", attributes) as work:
        end = execute(step, lease, facts)
        if end is None:
            work.note({"shannon.step_status": "set_aside"})
            return None
        work.note({"shannon.step_status": str(end.status)})
        if end.status is not StepStatus.SUCCEEDED:
            work.failed(str((end.outcome.error or {}).get("code", end.status)))
    return end
