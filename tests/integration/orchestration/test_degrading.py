"""Which budget keeps a strategy from being begun: the tightest of task, session, user and tenant, of all periods."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from orchestration.models import Event, Task
from orchestration.services import task_submit
from orchestration.types import TaskRequest
from policy.models import Budget
from policy.services import budget_open
from policy.types import BudgetPeriod, BudgetScope, Principal, user_scope_id
from tests.integration.orchestration.playing import principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)

QUERY = "Should cities ban private cars?"
LIMIT = 100_000


def submit(principal: Principal, mode: str = "debate", **fields: Any) -> Task:
    return task_submit(principal=principal, request=TaskRequest(query=QUERY, mode=mode, **fields)).task


def told_of(task: Task) -> list[dict[str, Any]]:
    events = Event.objects.filter(task=task, kind="BUDGET_THRESHOLD").order_by("seq")
    return [event.payload for event in events]


def scope_id_of(principal: Principal, scope: BudgetScope) -> UUID:
    if scope is BudgetScope.USER:
        return user_scope_id(tenant_id=principal.tenant_id, user_id=principal.user_id)
    return principal.tenant_id


def spend(principal: Principal, scope: BudgetScope, period: str, left: int, **changes: Any) -> None:
    """Open a budget of which `left` tokens are left."""
    wanted: dict[str, Any] = {"scope": scope, "scope_id": scope_id_of(principal, scope), "period": period}
    if not Budget.objects.filter(**wanted).exists():
        budget_open(
            tenant_id=principal.tenant_id,
            scope=scope,
            scope_id=wanted["scope_id"],
            period=BudgetPeriod(period),
            limit_tokens=None,
            limit_usd=None,
        )
    Budget.objects.filter(**wanted).update(limit_tokens=LIMIT, spent_tokens=LIMIT - left, **changes)


@pytest.mark.parametrize("scope", [BudgetScope.USER, BudgetScope.TENANT])
@pytest.mark.parametrize("period", ["", "day", "month"])
def test_the_budgets_of_user_and_tenant_count_also_those_of_a_day_and_a_month(
    principal: Principal, scope: BudgetScope, period: str
) -> None:
    spend(principal, scope, period, left=9_000)
    task = submit(principal)
    assert task.strategy == "reflection"
    (told,) = told_of(task)
    assert (told["from"], told["to"], told["left_tokens"]) == ("debate", "reflection", 9_000)
    assert told["budget"] == {"scope": str(scope), "period": period, "unit": "tokens"}


def test_what_was_spent_in_a_day_that_is_over_counts_no_more(principal: Principal) -> None:
    spend(principal, BudgetScope.TENANT, "day", left=0, period_start=F("created_at") - timedelta(days=2))
    task = submit(principal)
    assert (task.strategy, told_of(task)) == ("debate", [])


def test_the_tightest_of_several_budgets_is_named_and_what_is_reserved_is_not_left(principal: Principal) -> None:
    spend(principal, BudgetScope.TENANT, "", left=15_000)
    spend(principal, BudgetScope.USER, "month", left=14_000)
    spend(principal, BudgetScope.TENANT, "day", left=16_000, reserved_tokens=3_000)
    (told,) = told_of(submit(principal, context={"budget_max": 15_500}))
    assert (told["left_tokens"], told["budget"]["scope"], told["budget"]["period"]) == (13_000, "tenant", "day")


@pytest.mark.parametrize("name", ["by-name", None])
def test_the_session_of_a_request_counts_with_what_its_tasks_have_used(principal: Principal, name: str | None) -> None:
    first = submit(principal, "simple", session_id=name)
    spent = Budget.objects.filter(scope="session", scope_id=first.session_id)
    spent.update(limit_tokens=LIMIT, spent_tokens=LIMIT - 9_000)
    task = submit(principal, session_id=name or str(first.session_id))
    (told,) = told_of(task)
    assert (task.strategy, told["budget"]["scope"], told["left_tokens"]) == ("reflection", "session", 9_000)
    elsewhere = submit(principal, session_id="another")
    assert (elsewhere.strategy, told_of(elsewhere)) == ("debate", [])


def test_a_limit_that_the_request_sets_for_its_session_counts_before_the_session_is_there(principal: Principal) -> None:
    task = submit(principal, session_id="new", context={"budget": {"session": {"tokens": 9_000}}})
    (told,) = told_of(task)
    assert (task.strategy, told["budget"]["scope"]) == ("reflection", "session")


def test_dollars_count_as_the_tokens_that_they_buy(principal: Principal) -> None:
    task = submit(principal, context={"budget": {"task": {"usd": "0.0080"}}})
    (told,) = told_of(task)
    assert task.strategy == "reflection"
    assert told["budget"] == {"scope": "task", "period": "", "unit": "usd", "left_usd": "0.008"}
    assert told["left_tokens"] == 10_000  # 0.80 dollars a million, as offline/medium is priced
    dearer = submit(principal, model_tier="large", context={"budget": {"task": {"usd": "0.0080"}}})
    assert [step["to"] for step in told_of(dearer)] == ["reflection", "simple"]
    assert Budget.objects.get(scope="task", scope_id=task.id).limit_usd == Decimal("0.008")


def test_it_is_one_query_and_none_where_nothing_can_degrade(principal: Principal, settings: Any) -> None:
    for what in ("POLICY_RECHECK", "REGISTRY_RECHECK", "TENANT_TOOLS_CACHE"):
        setattr(settings, f"SHANNON_{what}_SECONDS", 3600.0)
    for mode in ("simple", "debate"):
        submit(principal, mode)  # reads the model's rows and the policies
    counts = {}
    for mode in ("simple", "debate"):
        with CaptureQueriesContext(connection) as asked:
            submit(principal, mode)
        counts[mode] = len(asked)
    assert counts["debate"] == counts["simple"] + 1
