"""What each strategy costs on one common set of requests, on the offline model: the table of docs/strategies.md.

`pytest -s tests/integration/orchestration/strategies/test_costs.py` prints it.
"""

import re
import time
from typing import Any

import pytest
from django.conf import settings

from orchestration.models import Step, Task
from orchestration.services import task_submit
from orchestration.strategies import OFFERED
from orchestration.types import TaskRequest, TaskStatus
from policy.types import Principal
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)

REQUESTS = (
    "What is 17 * (3 + 4)?",
    "Count the words in 'a b c', and then work out 12 * 12, and then work out 9 * 9",
    "Should cities ban private cars?",
)
MEASURED = [name for name in OFFERED if name not in {"research", "template"}]  # they need a web, and a workflow


def test_what_each_strategy_costs(principal: Principal) -> None:
    rows: dict[str, tuple[int, int, int, float]] = {}
    for name in MEASURED:
        began = time.monotonic()
        tasks = [task_submit(principal=principal, request=request_of(query, name)).task for query in REQUESTS]
        ended = [play(task.id) for task in tasks]
        assert {task.status for task in ended} == {TaskStatus.COMPLETED}
        rows[name] = (*added(ended), (time.monotonic() - began) / len(ended))
    print("\n| strategy | steps | model calls | tokens | seconds |\n|---|---:|---:|---:|---:|")
    for name, (steps, calls, tokens, seconds) in rows.items():
        print(f"| `{name}` | {steps} | {calls} | {tokens:,} | {seconds:.2f} |")
    assert min(rows, key=lambda name: rows[name][1]) in {"simple", "chain_of_thought"}


def request_of(query: str, mode: str) -> TaskRequest:
    return TaskRequest(query=query, mode=mode)


def added(tasks: list[Task]) -> tuple[int, int, int]:
    steps = Step.objects.filter(task__in=tasks).count()
    return steps, sum(t.model_calls for t in tasks), sum(t.prompt_tokens + t.completion_tokens for t in tasks)


def test_the_page_on_strategies_has_a_section_and_a_row_for_each() -> None:
    page: Any = (settings.BASE_DIR / "docs" / "strategies.md").read_text()
    assert set(re.findall(r"^### `(\w+)`$", page, re.MULTILINE)) == set(OFFERED)
    assert set(re.findall(r"^\| `(\w+)` \| \d+ \| \d+ \| [\d,]+ \| [\d.]+ \|$", page, re.MULTILINE)) == set(MEASURED)
