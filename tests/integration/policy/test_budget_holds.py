"""Money that is set aside for many effects at once: for the first of them, as long as it fits and nobody is asked."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest

from policy.models import Budget, Reservation, Tenant
from policy.services import budget_reserve, budgets_held
from policy.types import Amount, BudgetRef, BudgetScope, Hold, Purchase
from tests.integration.policy.accounts import balances, open_budget

pytestmark = pytest.mark.django_db


def holds(tenant: Tenant, budgets: Sequence[BudgetRef], *asked: tuple[UUID, int, int]) -> list[Hold]:
    """Return holds of steps, each with its position and tokens."""
    return [
        Hold(tenant.id, step_id, position, tuple(budgets), Amount(tokens), Purchase())
        for step_id, position, tokens in asked
    ]


def held(wanted: Sequence[Hold]) -> list[bool]:
    """Tell for which of them money was set aside."""
    with budgets_held(wanted) as got:
        return [(hold.step_id, hold.position) in got for hold in wanted]


def test_the_first_get_it_as_far_as_the_tightest_budget_goes(tenant: Tenant) -> None:
    wide, tight = open_budget(tenant, tokens=10_000), open_budget(tenant, tokens=250, scope=BudgetScope.SESSION)
    Budget.objects.update(notify_percent=None)
    asked = holds(tenant, [wide, tight], *((uuid4(), 0, 100) for _ in range(4)))
    assert held(asked) == [True, True, False, False]
    assert [balances(ref)[:2] for ref in (wide, tight)] == [(0, 200), (0, 200)]
    assert Reservation.objects.count() == 2


def test_one_that_is_too_large_ends_it_though_a_later_one_would_fit(tenant: Tenant) -> None:
    budget = open_budget(tenant, tokens=250)
    Budget.objects.update(notify_percent=None)
    asked = holds(tenant, [budget], (uuid4(), 0, 100), (uuid4(), 0, 200), (uuid4(), 0, 50))
    assert held(asked) == [True, False, False]
    assert balances(budget)[:2] == (0, 100)


def test_of_a_steps_effects_all_are_paid_for_or_none(tenant: Tenant) -> None:
    budget, first, both = open_budget(tenant, tokens=250), uuid4(), uuid4()
    Budget.objects.update(notify_percent=None)
    asked = holds(tenant, [budget], (first, 0, 100), (both, 0, 100), (both, 1, 100))
    assert held(asked) == [True, False, False]
    assert balances(budget)[:2] == (0, 100)


def test_it_ends_where_somebody_is_to_be_told(tenant: Tenant) -> None:
    budget = open_budget(tenant, tokens=1_000)
    Budget.objects.update(notify_percent=50)
    asked = holds(tenant, [budget], *((uuid4(), 0, 200) for _ in range(3)))
    assert held(asked) == [True, True, False], "the third would come to the half"
    assert Budget.objects.get(scope_id=budget.scope_id).notified_at is None


def test_one_that_is_known_leaves_all_to_those_who_ask_alone(tenant: Tenant) -> None:
    budget, known = open_budget(tenant, tokens=1_000), uuid4()
    Budget.objects.update(notify_percent=None)
    budget_reserve(tenant_id=tenant.id, step_id=known, position=0, budgets=[budget], amount=Amount(100))
    assert held(holds(tenant, [budget], (uuid4(), 0, 100), (known, 0, 100))) == [False, False]
    assert balances(budget)[:2] == (0, 100)


def test_a_budget_that_is_not_open_leaves_all_to_those_who_ask_alone(tenant: Tenant) -> None:
    budget, missing = open_budget(tenant, tokens=1_000), BudgetRef(BudgetScope.SESSION, uuid4())
    assert held(holds(tenant, [budget, missing], (uuid4(), 0, 100), (uuid4(), 0, 100))) == [False, False]
    assert balances(budget)[:2] == (0, 0)


def test_two_batches_never_overdraw(tenant: Tenant) -> None:
    budget = open_budget(tenant, tokens=350)
    Budget.objects.update(notify_percent=None)
    taken = [held(holds(tenant, [budget], *((uuid4(), 0, 100) for _ in range(2)))) for _ in range(3)]
    assert taken == [[True, True], [True, False], [False, False]]
    assert balances(budget)[:2] == (0, 300)
