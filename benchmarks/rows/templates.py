"""A stored template against the same work planned by a model: tokens that no planning call took, from the accounts."""

from dataclasses import dataclass
from typing import Any

from benchmarks.bench import Bench, task_wait
from benchmarks.report import Row
from orchestration.models import Step, Task
from orchestration.services import task_submit
from orchestration.types import StepKind, TaskRequest
from orchestration.workflows.service import template_save
from policy.types import Principal

PATIENCE_SECONDS = 60.0
COMPARISON = """
name: bench-comparison
description: The same steps that a plan has, each told of the tools that the planner picks.
nodes:
  - {id: first, instruction: "What does 6 * 7 come to?", tools: [calculator]}
  - {id: second, instruction: "What does 8 * 9 come to?", tools: [calculator]}
  - {id: third, instruction: "What does 12 * 12 come to?", tools: [calculator]}
  - {id: compare, strategy: combine, instruction: "Compare the results.", depends_on: [first, second, third]}
"""
SEQUENCE = """
name: bench-sequence
description: The same two steps and their join that a plan has.
nodes:
  - {id: first, instruction: "Work out 6 * 7.", tools: [calculator]}
  - {id: second, instruction: "Add 8 to the result.", depends_on: [first], tools: [calculator]}
  - {id: join, strategy: combine, instruction: "Give both results.", depends_on: [first, second]}
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """A template with its inputs, and the request of which a planner makes the same steps."""

    template: str
    inputs: dict[str, Any]
    request: str


PAIRS = (
    Pair("bench-comparison", {}, "Compare 6 * 7, 8 * 9 and 12 * 12: what does each come to?"),
    Pair("bench-sequence", {}, "Work out 6 * 7, and then add 8 to the result."),
)


def templates_rows(bench: Bench) -> list[Row]:
    """Carry out each pair and compare what the tasks' accounts say; a template that planned would be a defect."""
    principal = bench.principal()
    for text in (COMPARISON, SEQUENCE):
        template_save(tenant_id=principal.tenant_id, text=text, origin="benchmarks/rows/templates.py")
    return [_row(principal, pair) for pair in PAIRS]


def _row(principal: Principal, pair: Pair) -> Row:
    stored = _carried_out(principal, TaskRequest(pair.request, template=pair.template, template_inputs=pair.inputs))
    planned = _carried_out(principal, TaskRequest(pair.request, mode="dag"))
    if _plans(stored) or not _plans(planned):
        raise RuntimeError(f"{pair.template}: the template planned, or the planned run did not")
    ours, reference = _tokens(stored), _tokens(planned)
    steps = [Step.objects.filter(task=task).exclude(kind=StepKind.PLAN).count() for task in (stored, planned)]
    return Row(
        key=f"templates-{pair.template}",
        name=f"template {pair.template} instead of a planned run: tokens",
        unit="tokens",
        ours=ours,
        ours_min=ours,
        ours_max=ours,
        reference_name="planned by a model",
        reference=reference,
        ratio=ours / reference,
        runs=1,
        note=f"{1 - ours / reference:.0%} saved; {stored.model_calls} and {planned.model_calls} model calls, "
        f"${stored.cost_usd:.4f} and ${planned.cost_usd:.4f}; steps beside the plan: {steps[0]} and {steps[1]}",
    )


def _carried_out(principal: Principal, request: TaskRequest) -> Task:
    task = task_submit(principal=principal, request=request).task
    task_wait(task.id, patience_seconds=PATIENCE_SECONDS)
    return Task.objects.get(id=task.id)


def _plans(task: Task) -> int:
    return Step.objects.filter(task=task, kind=StepKind.PLAN).count()


def _tokens(task: Task) -> int:
    return task.prompt_tokens + task.completion_tokens
