"""The budgets that a request asks for."""

from decimal import Decimal
from typing import Any

import pytest

from orchestration.budget_options import TaskBudget, budget_of, limits_from, limits_json
from policy.types import BudgetLimits
from shannon_project.foundation.errors import InvalidInput


def test_without_a_word_there_are_no_limits() -> None:
    assert budget_of({"note": 1}) == TaskBudget()
    assert budget_of({}).as_parameters() == {}


def test_of_two_words_for_one_limit_the_tighter_holds() -> None:
    asked = budget_of(
        {
            "budget_max": 5_000,
            "budget_agent_max": 400,
            "budget": {
                "task": {"tokens": 9_000, "usd": 0.5, "cheaper_tier_percent": 70},
                "step": {"tokens": 300},
                "session": {"usd": "2.50"},
                "request": {"tokens": 100, "usd": 1},
            },
        }
    )
    assert asked.task == BudgetLimits(5_000, Decimal("0.5"), cheaper_tier_percent=70)
    assert (asked.task.tokens, asked.step.tokens, asked.session.usd) == (5_000, 300, Decimal("2.50"))
    assert set(asked.as_parameters()) == {"request", "step"}


def test_limits_survive_json() -> None:
    limits = BudgetLimits(5, Decimal("0.000001"), 50, None)
    assert limits_from(limits_json(limits)) == limits
    assert limits_from(None) == BudgetLimits()


@pytest.mark.parametrize(
    ("context", "says"),
    [
        ({"budget": 5}, "context.budget: must be an object"),
        ({"budget": {"galaxy": {}}}, "unknown field: galaxy"),
        ({"budget": {"task": {"euro": 1}}}, "context.budget.task: unknown field: euro"),
        ({"budget": {"task": {"tokens": 0}}}, "context.budget.task.tokens"),
        ({"budget": {"task": {"tokens": True}}}, "context.budget.task.tokens"),
        ({"budget": {"session": {"usd": "much"}}}, "context.budget.session.usd"),
        ({"budget": {"session": {"usd": float("nan")}}}, "context.budget.session.usd"),
        ({"budget": {"step": {"cheaper_tier_percent": 101}}}, "context.budget.step.cheaper_tier_percent"),
        ({"budget_agent_max": "many"}, "context.budget_agent_max"),
    ],
)
def test_what_is_no_budget_is_refused_by_its_name(context: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        budget_of(context)
