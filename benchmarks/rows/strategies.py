"""What each strategy costs on one common set of requests, with real workers: the table of docs/strategies.md.

Research needs a web: it is given the tests' pages, and questions that they answer, at each of its depths. A template
needs a workflow: it is given one that works out what the others are asked.
"""

from statistics import fmean
from typing import Any

from benchmarks.bench import Bench, task_wait
from benchmarks.report import Row
from orchestration.models import Step, Task
from orchestration.services import task_submit
from orchestration.strategies import OFFERED
from orchestration.types import TaskRequest
from policy.types import Principal
from tests.integration.orchestration.strategies.asked import names_of, requests_of
from tests.integration.orchestration.strategies.corpus import web_running

PATIENCE_SECONDS = 60.0
WARM_UPS = ("dag", "research quick")


def strategies_rows(bench: Bench) -> list[Row]:
    """Carry out the requests by every strategy, one after another, and add up what they took."""
    with web_running() as web, bench.workers(1, threads=8, **web.variables):
        principal = bench.principal()
        for name in WARM_UPS:  # what is loaded once is not counted
            _carried_out(principal, requests_of(name)[0])
        return [_row(principal, name, bench.scaled(len(requests_of(name)))) for name in names_of(list(OFFERED))]


def _row(principal: Principal, name: str, count: int) -> Row:
    tasks = [_carried_out(principal, request) for request in requests_of(name)[:count]]
    seconds = [(task.completed_at - task.created_at).total_seconds() for task in tasks if task.completed_at]
    tokens = [task.prompt_tokens + task.completion_tokens for task in tasks]
    steps = Step.objects.filter(task__in=tasks).count()
    calls = sum(task.model_calls for task in tasks)
    cost_usd = sum(task.cost_usd for task in tasks)
    strategy, _, depth = name.partition(" ")
    shown = f"`{strategy}` {depth}".strip()
    return Row(
        key=f"strategy-{name.replace(' ', '-')}",
        name=f"strategy {name}: tokens for {count} requests",
        unit="tokens",
        ours=sum(tokens),
        ours_min=min(tokens),
        ours_max=max(tokens),
        runs=len(tasks),
        note=f"| {shown} | {steps} | {calls} | {sum(tokens):,} | {cost_usd:.4f} | {fmean(seconds):.2f} |",
    )


def _carried_out(principal: Principal, request: dict[str, Any]) -> Task:
    """Return a task that has ended; of one that has not, say what it was and where it stands."""
    task = task_submit(principal=principal, request=TaskRequest(**request)).task
    try:
        task_wait(task.id, patience_seconds=PATIENCE_SECONDS)
    except TimeoutError as error:
        open_steps = Step.objects.filter(task=task).exclude(completed_at__isnull=False).order_by("position")
        stands = ", ".join(f"{step.key} {step.status}" for step in open_steps[:5]) or "no step is open"
        status = Task.objects.values_list("status", flat=True).get(id=task.id)
        raise TimeoutError(
            f"{task.strategy} on {request['query'][:40]!r}: {error}; it is {status}, {stands}"
        ) from error
    return Task.objects.get(id=task.id)
