"""Periods, users, thresholds, and the ledger's own rules."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from policy.errors import BudgetAsksPerson, BudgetExceeded
from policy.models import Budget, LedgerEntry, Tenant
from policy.services import (
    budget_charge,
    budget_limit,
    budget_open,
    budget_reserve,
    budget_settle,
    budget_tighten,
    ledger_check,
    request_check,
)
from policy.types import (
    Amount,
    BudgetLimits,
    BudgetPeriod,
    BudgetRef,
    BudgetScope,
    Degradation,
    Principal,
    Purchase,
    Reserved,
    payer_refs,
    user_scope_id,
)
from tests.integration.policy.accounts import balances, open_budget

pytestmark = pytest.mark.django_db


def reserve(
    tenant: Tenant, refs: list[BudgetRef] | tuple[BudgetRef, ...], tokens: int, **cheaper: int
) -> tuple[Reserved, object]:
    step = uuid4()
    ways = {Degradation[name.upper()]: Amount(amount) for name, amount in cheaper.items()}
    taken = budget_reserve(
        tenant_id=tenant.id, step_id=step, position=0, budgets=refs, amount=Amount(tokens), cheaper=ways
    )
    return taken, step


def period_budget(
    tenant: Tenant, period: BudgetPeriod, tokens: int, *, scope: BudgetScope = BudgetScope.TENANT, user: str = ""
) -> Budget:
    scope_id = user_scope_id(tenant_id=tenant.id, user_id=user) if user else tenant.id
    budget_open(
        tenant_id=tenant.id,
        scope=scope,
        scope_id=scope_id,
        limit_tokens=tokens,
        limit_usd=None,
        period=period,
        subject=user,
    )
    return Budget.objects.get(scope=scope, scope_id=scope_id, period=period)


def test_a_days_budget_refuses_and_begins_anew_the_next_day(tenant: Tenant) -> None:
    budget = period_budget(tenant, BudgetPeriod.DAY, 100)
    refs = [BudgetRef(BudgetScope.TENANT, tenant.id)]
    _, step = reserve(tenant, refs, 80)
    budget_settle(step_id=step, position=0, actual=Amount(80))  # type: ignore[arg-type]
    with pytest.raises(BudgetExceeded, match="budget of the tenant of this day") as refused:
        reserve(tenant, refs, 30)
    assert (refused.value.details["period"], refused.value.details["spent"]) == ("day", 80)
    LedgerEntry.objects.all()  # yesterday's entries stay where they are
    Budget.objects.filter(pk=budget.pk).update(period_start=F("period_start") - timedelta(days=2))
    _, step = reserve(tenant, refs, 30)
    budget.refresh_from_db()
    assert (budget.spent_tokens, budget.reserved_tokens) == (0, 30)
    budget_settle(step_id=step, position=0, actual=Amount(25))  # type: ignore[arg-type]
    budget.refresh_from_db()
    assert (budget.spent_tokens, budget.reserved_tokens) == (25, 0)


@pytest.mark.parametrize("period", [BudgetPeriod.DAY, BudgetPeriod.MONTH])
def test_a_charge_and_a_settlement_roll_a_budget_too(tenant: Tenant, period: BudgetPeriod) -> None:
    budget = period_budget(tenant, period, 100)
    refs = (BudgetRef(BudgetScope.TENANT, tenant.id),)
    budget_charge(tenant_id=tenant.id, step_id=uuid4(), position=0, budgets=refs, amount=Amount(90))
    _, step = reserve(tenant, refs, 5)
    Budget.objects.filter(pk=budget.pk).update(period_start=F("period_start") - timedelta(days=40))
    budget_settle(step_id=step, position=0, actual=Amount(4))  # type: ignore[arg-type]
    budget.refresh_from_db()
    assert (budget.spent_tokens, budget.reserved_tokens) == (4, 0)
    Budget.objects.filter(pk=budget.pk).update(period_start=F("period_start") - timedelta(days=40))
    budget_charge(tenant_id=tenant.id, step_id=uuid4(), position=0, budgets=refs, amount=Amount(7))
    budget.refresh_from_db()
    assert budget.spent_tokens == 7


def test_a_users_budget_binds_that_user_and_nobody_else(tenant: Tenant) -> None:
    period_budget(tenant, BudgetPeriod.DAY, 50, scope=BudgetScope.USER, user="ada")
    ada, bob = (payer_refs(Principal(tenant.id, f"key:{name}", name)) for name in ("ada", "bob"))
    reserve(tenant, ada, 40)
    with pytest.raises(BudgetExceeded, match="budget of the user"):
        reserve(tenant, ada, 20)
    reserve(tenant, bob, 20)


def test_of_several_budgets_the_tightest_is_named(tenant: Tenant) -> None:
    refs = [open_budget(tenant, tokens=90), open_budget(tenant, tokens=20, scope=BudgetScope.SESSION)]
    with pytest.raises(BudgetExceeded) as refused:
        reserve(tenant, refs, 100)
    assert refused.value.details["scope"] == "session"
    assert (refused.value.details["limit"], refused.value.details["asked"]) == (20, 100)


def test_a_limit_of_each_call_needs_no_row() -> None:
    limits = BudgetLimits(tokens=10, usd=Decimal("0.1"))
    request_check(limits=limits, asked=Amount(10, Decimal("0.1")), step_id=uuid4(), position=0)
    with pytest.raises(BudgetExceeded, match="budget of the request"):
        request_check(limits=limits, asked=Amount(10, Decimal("0.2")), step_id=uuid4(), position=0)


def test_the_warning_threshold_is_told_once(tenant: Tenant) -> None:
    budget = open_budget(tenant, tokens=100)
    assert reserve(tenant, [budget], 70)[0].crossed == ()
    [crossed] = reserve(tenant, [budget], 15)[0].crossed
    assert (crossed.scope, crossed.limit_tokens, crossed.reserved_tokens) == (BudgetScope.TASK, 100, 70)
    assert reserve(tenant, [budget], 5)[0].crossed == ()


def test_thresholds_make_calls_cheaper_in_their_order(tenant: Tenant) -> None:
    budget = open_budget(tenant, tokens=100)
    Budget.objects.filter(scope_id=budget.scope_id).update(cheaper_tier_percent=50, smaller_output_percent=80)
    levels = [reserve(tenant, [budget], 50, cheaper_tier=30, smaller_output=10)[0].level for _ in range(4)]
    assert levels == [
        Degradation.NONE,  # to 50 %
        Degradation.CHEAPER_TIER,  # to 80 %
        Degradation.SMALLER_OUTPUT,
        Degradation.SMALLER_OUTPUT,  # to 100 %
    ]
    with pytest.raises(BudgetExceeded) as refused:
        reserve(tenant, [budget], 50, cheaper_tier=30, smaller_output=10)
    assert refused.value.details["asked"] == 10


def test_what_does_not_fit_in_full_is_made_cheaper_only_where_a_budget_allows_it(tenant: Tenant) -> None:
    strict = open_budget(tenant, tokens=40)
    with pytest.raises(BudgetExceeded):
        reserve(tenant, [strict], 50, cheaper_tier=30, smaller_output=10)
    lenient = open_budget(tenant, tokens=40)
    Budget.objects.filter(scope_id=lenient.scope_id).update(cheaper_tier_percent=90)
    assert reserve(tenant, [lenient], 50, cheaper_tier=30, smaller_output=10)[0].level is Degradation.CHEAPER_TIER


def test_a_call_that_cannot_be_cheaper_is_made_as_it_is(tenant: Tenant) -> None:
    budget = open_budget(tenant, tokens=100)
    Budget.objects.filter(scope_id=budget.scope_id).update(cheaper_tier_percent=1)
    reserve(tenant, [budget], 20)
    assert reserve(tenant, [budget], 20)[0].level is Degradation.CHEAPER_TIER


def test_a_person_is_asked_after_everything_cheaper_and_before_the_end(tenant: Tenant) -> None:
    budget = open_budget(tenant, tokens=100)
    Budget.objects.filter(scope_id=budget.scope_id).update(
        cheaper_tier_percent=50, smaller_output_percent=70, ask_person_percent=80
    )
    levels = [reserve(tenant, [budget], 50, cheaper_tier=20, smaller_output=10)[0].level for _ in range(3)]
    assert levels == [Degradation.NONE, Degradation.CHEAPER_TIER, Degradation.SMALLER_OUTPUT]

    with pytest.raises(BudgetAsksPerson, match=r"80 of 100 tokens") as asked:
        reserve(tenant, [budget], 50, cheaper_tier=20, smaller_output=10)

    assert asked.value.details["budgets"][0]["reserved_tokens"] == 80
    assert balances(budget)[1] == 80, "nothing was set aside"
    step = uuid4()
    call = {"tenant_id": tenant.id, "step_id": step, "position": 0, "budgets": [budget]}
    taken = budget_reserve(**call, amount=Amount(10), is_consented=True)  # type: ignore[arg-type]
    assert taken.level is Degradation.SMALLER_OUTPUT
    reserve(tenant, [budget], 5)
    with pytest.raises(BudgetExceeded):
        reserve(tenant, [budget], 50, cheaper_tier=20, smaller_output=10)


def test_nobody_is_asked_about_what_began_before(tenant: Tenant) -> None:
    budget = open_budget(tenant, tokens=100)
    Budget.objects.filter(scope_id=budget.scope_id).update(ask_person_percent=10, spent_tokens=50)
    budget_reserve(
        tenant_id=tenant.id, step_id=uuid4(), position=0, budgets=[budget], amount=Amount(10), was_begun=True
    )
    assert balances(budget)[1] == 10
    assert Budget.objects.get(scope_id=budget.scope_id).consented_at is None
    with pytest.raises(BudgetAsksPerson):
        reserve(tenant, [budget], 10)


def test_a_limit_that_was_changed_and_a_new_day_ask_anew(tenant: Tenant) -> None:
    day = period_budget(tenant, BudgetPeriod.DAY, 100)
    Budget.objects.filter(pk=day.pk).update(ask_person_percent=10, spent_tokens=50, consented_at=Now())
    refs = [BudgetRef(BudgetScope.TENANT, tenant.id)]
    reserve(tenant, refs, 1)
    budget_limit(budget=day, limit_tokens=200, limit_usd=None)
    with pytest.raises(BudgetAsksPerson):
        reserve(tenant, refs, 1)

    Budget.objects.filter(pk=day.pk).update(consented_at=Now(), period_start=Now() - timedelta(days=2))
    reserve(tenant, refs, 1)

    day.refresh_from_db()
    assert (day.spent_tokens, day.consented_at) == (0, None)


def test_the_same_key_again_tells_the_level_that_was_taken(tenant: Tenant) -> None:
    budget, step = open_budget(tenant, tokens=40), uuid4()
    Budget.objects.filter(scope_id=budget.scope_id).update(smaller_output_percent=90)
    for _ in range(2):
        taken = budget_reserve(
            tenant_id=tenant.id,
            step_id=step,
            position=0,
            budgets=[budget],
            amount=Amount(50),
            cheaper={Degradation.SMALLER_OUTPUT: Amount(10)},
        )
        assert taken.level is Degradation.SMALLER_OUTPUT
    assert balances(budget)[1] == 10


def test_tightening_lowers_and_never_raises(tenant: Tenant) -> None:
    budget = open_budget(tenant, tokens=100)
    for tokens in (500, 60, 80):
        budget_tighten(
            tenant_id=tenant.id,
            scope=budget.scope,
            scope_id=budget.scope_id,
            limits=BudgetLimits(tokens=tokens, usd=Decimal(2)),
        )
    row = Budget.objects.get(scope_id=budget.scope_id)
    assert (row.limit_tokens, row.limit_usd) == (60, Decimal(2))


def test_reserving_and_settling_are_one_statement_each(tenant: Tenant) -> None:
    refs = [open_budget(tenant, tokens=100), BudgetRef(BudgetScope.TENANT, tenant.id)]
    with CaptureQueriesContext(
        connection,
    ) as asked:
        _, step = reserve(tenant, refs, 10)
        budget_settle(step_id=step, position=0, actual=Amount(5))  # type: ignore[arg-type]
    assert len(asked) == 2


def test_the_ledger_says_what_was_bought_and_agrees_with_the_balances(tenant: Tenant) -> None:
    budget, step, task = open_budget(tenant), uuid4(), uuid4()
    buys = Purchase(user_id="ada", task_id=task, model="m")
    budget_reserve(tenant_id=tenant.id, step_id=step, position=3, budgets=[budget], amount=Amount(10), purchase=buys)
    sold = Purchase(model="n", prompt_tokens=4, completion_tokens=2, is_price_known=False)
    budget_settle(step_id=step, position=3, actual=Amount(6, Decimal("0.5")), purchase=sold)
    entry = LedgerEntry.objects.get()
    assert (entry.user_id, entry.task_id, entry.model, entry.kind) == ("ada", task, "n", "settled")
    assert (entry.prompt_tokens, entry.completion_tokens, entry.tokens, entry.usd) == (4, 2, 6, Decimal("0.5"))
    assert not entry.is_price_known
    budget_settle(step_id=step, position=3, actual=Amount(6))
    assert LedgerEntry.objects.count() == 1
    assert ledger_check() == []


@pytest.mark.parametrize("change", ["UPDATE policy_ledgerentry SET tokens = 0", "DELETE FROM policy_ledgerentry"])
def test_the_database_lets_nobody_change_the_ledger(tenant: Tenant, change: str) -> None:
    refs = (open_budget(tenant),)
    budget_charge(tenant_id=tenant.id, step_id=uuid4(), position=0, budgets=refs, amount=Amount(3))
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)
    assert LedgerEntry.objects.get().tokens == 3


def test_the_database_lets_nobody_empty_the_ledger(tenant: Tenant) -> None:
    refs = (open_budget(tenant),)
    budget_charge(tenant_id=tenant.id, step_id=uuid4(), position=0, budgets=refs, amount=Amount(3))
    # tests/conftest.py takes this trigger out of the tests' database, which is emptied between tests.
    emptied = (
        "SET CONSTRAINTS ALL IMMEDIATE;"
        "ALTER TABLE policy_ledgerentry ENABLE TRIGGER policy_ledger_is_not_emptied;"
        "TRUNCATE policy_ledgerentry"
    )
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(emptied)
    assert LedgerEntry.objects.get().tokens == 3
