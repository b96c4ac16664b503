"""What each strategy costs on one common set of requests, with real workers: the table of docs/strategies.md.

Research needs a web: it is given the tests' pages, and a question that they answer. A template needs a workflow: it is
given the calculation of the first request.
"""

from contextlib import ExitStack
from statistics import fmean
from threading import Thread
from typing import Any

from benchmarks.bench import Bench, task_wait
from benchmarks.report import Row
from orchestration.models import Step, Task
from orchestration.services import task_submit
from orchestration.strategies import OFFERED
from orchestration.types import TaskRequest
from policy.types import Principal
from tests.integration.orchestration.strategies.corpus import Web

PATIENCE_SECONDS = 60.0
REQUESTS = (
    "What is 17 * (3 + 4)?",
    "Count the words in 'a b c', and then work out 12 * 12, and then work out 9 * 9",
    "Should cities ban private cars?",
)
OTHERS: dict[str, tuple[dict[str, Any], ...]] = {
    "research": ({"query": "How do wild bees in the city fare?", "mode": "research"},) * 3,
    "template": (
        {
            "query": REQUESTS[0],
            "template": "calculation",
            "template_inputs": {"expressions": ["17 * (3 + 4)"]},
        },
    )
    * 3,
}


def strategies_rows(bench: Bench) -> list[Row]:
    """Carry out the requests by every strategy, one after another, and add up what they took."""
    with ExitStack() as held:
        web = Web()
        Thread(target=web.serve_forever, args=(0.01,), daemon=True).start()
        held.callback(web.server_close)
        held.callback(web.shutdown)
        variables = {
            "SHANNON_SEARXNG_URL": web.base,
            "SHANNON_HTTP_ENDPOINTS_ALLOWED": f"127.0.0.1:{web.server_address[1]}",
        }
        held.enter_context(bench.workers(1, threads=8, **variables))
        principal = bench.principal()
        _carried_out(principal, {"query": REQUESTS[1], "mode": "dag"})  # warms up
        return [_row(principal, name, bench.scaled(len(REQUESTS))) for name in OFFERED]


def _row(principal: Principal, name: str, count: int) -> Row:
    requests = (OTHERS.get(name) or tuple({"query": query, "mode": name} for query in REQUESTS))[:count]
    tasks = [_carried_out(principal, request) for request in requests]
    seconds = [(task.completed_at - task.created_at).total_seconds() for task in tasks if task.completed_at]
    tokens = [task.prompt_tokens + task.completion_tokens for task in tasks]
    steps = Step.objects.filter(task__in=tasks).count()
    calls = sum(task.model_calls for task in tasks)
    cost_usd = sum(task.cost_usd for task in tasks)
    return Row(
        key=f"strategy-{name}",
        name=f"strategy {name}: tokens for {count} requests",
        unit="tokens",
        ours=sum(tokens),
        ours_min=min(tokens),
        ours_max=max(tokens),
        runs=len(tasks),
        note=f"| `{name}` | {steps} | {calls} | {sum(tokens):,} | {cost_usd:.4f} | {fmean(seconds):.2f} |",
    )


def _carried_out(principal: Principal, request: dict[str, Any]) -> Task:
    task = task_submit(principal=principal, request=TaskRequest(**request)).task
    task_wait(task.id, patience_seconds=PATIENCE_SECONDS)
    return Task.objects.get(id=task.id)
