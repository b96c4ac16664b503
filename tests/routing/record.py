"""Records how strategies fare on checked requests: `python -m pytest tests/routing/record.py`. Not part of the suite.

Every request is carried out by each compared strategy and by the router's own choice, on the offline model; what the
platform would learn (score, tokens, seconds) and whether the answer was right goes into `outcomes.json`.
"""

import json
from decimal import Decimal

import pytest

from orchestration.models import Task
from orchestration.services import task_submit
from orchestration.strategies import OFFERED, outcome_score, route
from orchestration.types import TaskRequest, TaskStatus
from policy.types import Principal
from tests.integration.orchestration.playing import play, principal
from tests.routing.families import COMPARED, Checked, checked_requests
from tests.routing.replaying import FILE, PastOutcome

__all__ = ["principal"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(3600)]


def test_record(principal: Principal) -> None:
    for mode in OFFERED:  # what is loaded once is not counted
        if mode not in {"research", "template"}:
            play(task_submit(principal=principal, request=TaskRequest(query="What is 1 + 1?", mode=mode)).task.id)
    outcomes = [
        outcome_of(checked, mode, carried_out(principal, checked, mode))
        for checked in checked_requests()
        for mode in dict.fromkeys([*COMPARED, chosen_for(checked.query)])
    ]
    FILE.write_text("[\n" + ",\n".join(json.dumps(outcome.as_json()) for outcome in outcomes) + "\n]\n")


def chosen_for(query: str) -> str:
    found = route(query, frozenset(OFFERED))
    return found.candidates[0] if found.candidates else found.strategy


def carried_out(principal: Principal, checked: Checked, mode: str) -> Task:
    request = TaskRequest(query=checked.query, mode=mode)
    return play(task_submit(principal=principal, request=request).task.id)


def outcome_of(checked: Checked, mode: str, task: Task) -> PastOutcome:
    score = outcome_score(
        completed=task.status == TaskStatus.COMPLETED, metadata=task.result_metadata, error=task.error
    )
    assert score is not None
    assert task.completed_at is not None
    began_at = task.started_at or task.created_at
    return PastOutcome(
        query=checked.query,
        variant=checked.variant,
        strategy=mode,
        score=round(score, 4),
        is_right=checked.is_right(task.result or ""),
        tokens=task.prompt_tokens + task.completion_tokens,
        cost_usd=float(task.cost_usd or Decimal(0)),
        seconds=round((task.completed_at - began_at).total_seconds(), 3),
    )
