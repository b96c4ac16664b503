"""Budgets of requests, agents, tasks, sessions and users, as a task meets them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings

from agents.roles.rows import RoleChanges
from agents.services import role_create
from orchestration.models import Event, Step, Task
from orchestration.services import task_submit
from orchestration.types import TaskRequest, TaskStatus
from policy.models import Budget, LedgerEntry
from policy.selectors import degradations_of
from policy.services import budget_open, ledger_check
from policy.types import BudgetPeriod, BudgetScope, Principal, user_scope_id
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)
SUM = "What is 17 * 23?"


def run(principal: Principal, context: Mapping[str, Any], **more: Any) -> Task:
    request = TaskRequest(query=SUM, mode="simple", context=context, **more)
    return play(task_submit(principal=principal, request=request).task.id)


@pytest.mark.parametrize(
    ("context", "scope"),
    [
        ({"budget_max": 500}, "task"),
        ({"budget_agent_max": 500}, "step"),
        ({"budget": {"session": {"tokens": 500}}}, "session"),
        ({"budget": {"request": {"tokens": 500}}}, "request"),
        ({"budget": {"task": {"usd": "0.000001"}}}, "task"),
    ],
)
def test_each_budget_of_a_request_refuses_by_its_name(
    principal: Principal, context: Mapping[str, Any], scope: str
) -> None:
    task = run(principal, context)
    assert task.status == TaskStatus.FAILED
    assert task.error is not None
    assert (task.error["code"], task.error["details"]["scope"]) == ("BUDGET_EXCEEDED", scope)
    assert {"limit", "spent", "reserved", "asked", "unit"} <= set(task.error["details"])


def test_a_users_day_refuses_too(principal: Principal) -> None:
    budget_open(
        tenant_id=principal.tenant_id,
        scope=BudgetScope.USER,
        scope_id=user_scope_id(tenant_id=principal.tenant_id, user_id=principal.user_id),
        limit_tokens=500,
        limit_usd=None,
        period=BudgetPeriod.DAY,
        subject=principal.user_id,
    )
    task = run(principal, {})
    assert task.error is not None
    assert (task.error["details"]["scope"], task.error["details"]["period"]) == ("user", "day")


def test_a_later_request_may_tighten_the_sessions_budget_and_not_loosen_it(principal: Principal) -> None:
    for tokens in (900_000, 50_000, 700_000):
        run(principal, {"budget": {"session": {"tokens": tokens}}}, session_id="talk")
    assert Budget.objects.get(scope="session").limit_tokens == 50_000


def test_what_was_paid_stands_in_the_ledger_by_user_task_and_model(principal: Principal) -> None:
    task = run(principal, {"budget_agent_max": 100_000})
    entries = list(LedgerEntry.objects.filter(tenant_id=principal.tenant_id))
    assert {(entry.user_id, entry.task_id, entry.model) for entry in entries} == {
        (principal.user_id, task.id, "offline/medium")
    }
    assert sum(entry.prompt_tokens for entry in entries) == task.prompt_tokens
    assert sum(entry.completion_tokens for entry in entries) == task.completion_tokens
    assert sum((entry.usd for entry in entries), Decimal(0)) == task.cost_usd
    step = Step.objects.get(task_id=task.id)
    scopes = Budget.objects.filter(id__in=entries[0].budget_ids).values_list("scope", "scope_id")
    assert set(scopes) == {
        ("task", task.id),
        ("session", task.session_id),
        ("tenant", task.tenant_id),
        ("step", step.id),
    }
    assert ledger_check() == []


def test_a_budget_that_wants_cheaper_calls_gets_them_and_the_answer_says_so(principal: Principal) -> None:
    task = run(
        principal,
        {"budget": {"task": {"tokens": 30_000, "cheaper_tier_percent": 5, "smaller_output_percent": 90}}},
    )
    assert task.status == TaskStatus.COMPLETED
    assert LedgerEntry.objects.filter(model="offline/small").exists()
    told = Event.objects.filter(task_id=task.id, kind="BUDGET_THRESHOLD")
    cheaper = [event.payload for event in told if "degradation" in event.payload]
    assert cheaper[0]["asked_model"] == "offline/medium"
    assert cheaper[0]["model"] == "offline/small"
    assert degradations_of(tenant_id=task.tenant_id, task_id=task.id)["cheaper_tier"] >= 1


def test_the_budget_of_a_role_refuses_its_agents_step(principal: Principal, settings: Settings) -> None:
    settings.SHANNON_TENANT_TOOLS_CACHE_SECONDS = 0.0
    changes = RoleChanges(description="Spends little.", brief="Be brief.", budget_tokens=500)
    role_create(principal=principal, name="thrifty", changes=changes)
    task = run(principal, {}, role="thrifty")
    assert task.error is not None
    assert (task.error["code"], task.error["details"]["scope"]) == ("BUDGET_EXCEEDED", "step")
    assert (task.error["details"]["limit"], task.error["details"]["spent"]) == (500, 0)
