"""Reserve, settle, release, charge."""

from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from policy.errors import BudgetExceeded, BudgetNotOpen, ReservationMissing
from policy.models import AuditEntry, Budget, LedgerEntry, Reservation, Tenant
from policy.selectors import budget_states
from policy.services import (
    budget_charge,
    budget_limit,
    budget_open,
    budget_release,
    budget_reserve,
    budget_settle,
    budgets_charge,
    budgets_release,
    refusal_record,
)
from policy.types import Amount, BudgetRef, BudgetScope, Charge, Principal
from tests.integration.policy.accounts import balances, open_budget

pytestmark = pytest.mark.django_db
NOTHING = (0, 0, Decimal(0), Decimal(0))


def reserve(
    tenant: Tenant, refs: list[BudgetRef], tokens: int = 0, usd: str = "0", *, step: object = None, position: int = 0
) -> Charge:
    """Reserve under a new step, unless one is given, and return what was asked."""
    charge = Charge(tenant.id, step or uuid4(), position, tuple(refs), Amount(tokens, Decimal(usd)))  # type: ignore[arg-type]
    budget_reserve(
        tenant_id=charge.tenant_id, step_id=charge.step_id, position=position, budgets=refs, amount=charge.amount
    )
    return charge


def test_a_reservation_is_settled_to_what_it_really_cost(tenant: Tenant) -> None:
    refs = [open_budget(tenant, tokens=100, usd=Decimal(1)), open_budget(tenant, scope=BudgetScope.SESSION)]
    asked = reserve(tenant, refs, 60, "0.5")
    for ref in refs:
        assert balances(ref) == (0, 60, Decimal(0), Decimal("0.5"))
    budget_settle(step_id=asked.step_id, position=0, actual=Amount(40, Decimal("0.25")))
    for ref in refs:
        assert balances(ref) == (40, 0, Decimal("0.25"), Decimal(0))
    row = Reservation.objects.get(step_id=asked.step_id)
    assert (row.status, row.tokens, row.actual_tokens, row.actual_usd) == ("settled", 60, 40, Decimal("0.25"))
    assert row.closed_at is not None


def test_a_refusal_names_the_budget_and_reserves_nowhere(tenant: Tenant) -> None:
    small = open_budget(tenant, tokens=50)
    large = open_budget(tenant, tokens=5_000, scope=BudgetScope.SESSION)
    reserve(tenant, [small, large], 30)
    with pytest.raises(BudgetExceeded) as refused:
        reserve(tenant, [large, small], 21)
    details = refused.value.details
    assert {key: details[key] for key in ("scope", "scope_id", "unit", "limit", "spent", "reserved", "asked")} == {
        "scope": "task",
        "scope_id": str(small.scope_id),
        "unit": "tokens",
        "limit": 50,
        "spent": 0,
        "reserved": 30,
        "asked": 21,
    }
    assert refused.value.retryable is False
    assert balances(small) == balances(large) == (0, 30, Decimal(0), Decimal(0))
    reserve(tenant, [small, large], 20)  # the transaction is usable, and what is left can be had


def test_a_limit_in_usd_refuses_too(tenant: Tenant) -> None:
    ref = open_budget(tenant, usd=Decimal("0.000000010"))
    reserve(tenant, [ref], 1_000_000, "0.000000009")
    with pytest.raises(BudgetExceeded) as refused:
        reserve(tenant, [ref], 0, "0.000000002")
    assert (refused.value.details["unit"], refused.value.details["reserved"]) == ("usd", "0.000000009")
    assert "0.00000001 usd" in refused.value.message


def test_no_limit_refuses_nothing_and_counts_all_the_same(tenant: Tenant) -> None:
    ref = BudgetRef(BudgetScope.TENANT, tenant.id)
    budget_charge(tenant_id=tenant.id, step_id=uuid4(), position=0, budgets=[ref], amount=Amount(10**12, Decimal(1000)))
    assert balances(ref) == (10**12, 0, Decimal(1000), Decimal(0))


def test_reserving_the_same_key_again_changes_nothing_even_when_the_budget_is_full(tenant: Tenant) -> None:
    ref = open_budget(tenant, tokens=50)
    asked = reserve(tenant, [ref], 50)
    reserve(tenant, [ref], 50, step=asked.step_id)
    assert balances(ref)[:2] == (0, 50)
    budget_settle(step_id=asked.step_id, position=0, actual=Amount(50))
    reserve(tenant, [ref], 50, step=asked.step_id)
    assert balances(ref)[:2] == (50, 0)


def test_settling_again_changes_nothing(tenant: Tenant) -> None:
    ref = open_budget(tenant, tokens=50)
    asked = reserve(tenant, [ref], 50)
    for _ in range(3):
        budget_settle(step_id=asked.step_id, position=0, actual=Amount(20))
    budget_release(step_id=asked.step_id)
    assert balances(ref)[:2] == (20, 0)


def test_a_providers_overrun_is_charged_in_full_and_refuses_what_follows(tenant: Tenant) -> None:
    ref = open_budget(tenant, tokens=50)
    asked = reserve(tenant, [ref], 50)
    budget_settle(step_id=asked.step_id, position=0, actual=Amount(70))
    assert balances(ref)[:2] == (70, 0)
    with pytest.raises(BudgetExceeded):
        reserve(tenant, [ref], 1)
    (state,) = budget_states(tenant_id=tenant.id, refs=[ref])
    assert state.left_tokens == 0


def test_release_gives_back_one_position_or_all_of_a_step(tenant: Tenant) -> None:
    ref, step = open_budget(tenant, tokens=100), uuid4()
    for position in range(3):
        reserve(tenant, [ref], 10, "0.1", step=step, position=position)
    other = reserve(tenant, [ref], 7)
    budget_release(step_id=step, position=1)
    assert balances(ref)[1] == 27
    budget_release(step_id=step)
    budget_release(step_id=step)
    assert balances(ref) == (0, 7, Decimal(0), Decimal(0))
    budget_release(step_id=other.step_id)
    assert balances(ref) == NOTHING


def test_a_released_key_can_be_reserved_anew(tenant: Tenant) -> None:
    ref = open_budget(tenant, tokens=100)
    asked = reserve(tenant, [ref], 10)
    budget_release(step_id=asked.step_id)
    reserve(tenant, [ref], 20, step=asked.step_id)
    assert balances(ref)[:2] == (0, 20)
    budget_settle(step_id=asked.step_id, position=0, actual=Amount(20))
    assert balances(ref)[:2] == (20, 0)


def test_an_effect_that_happened_after_its_release_is_charged_once(tenant: Tenant) -> None:
    ref = open_budget(tenant, tokens=100)
    asked = reserve(tenant, [ref], 10)
    budget_release(step_id=asked.step_id)
    for _ in range(2):
        budget_settle(step_id=asked.step_id, position=0, actual=Amount(9))
    assert balances(ref)[:2] == (9, 0)


def test_settling_what_was_never_reserved_is_an_error(tenant: Tenant) -> None:
    with pytest.raises(ReservationMissing):
        budget_settle(step_id=uuid4(), position=0, actual=Amount(1))


def test_a_budget_that_is_not_open_or_of_another_tenant_pays_nothing(tenant: Tenant) -> None:
    stranger = Tenant.objects.create(slug="stranger", name="Stranger")
    ref = open_budget(tenant, tokens=100)
    unknown = BudgetRef(BudgetScope.SESSION, uuid4())
    with pytest.raises(BudgetNotOpen) as refused:
        reserve(tenant, [ref, unknown], 1)
    assert refused.value.details["missing"] == [f"session {unknown.scope_id}"]
    with pytest.raises(BudgetNotOpen):
        reserve(stranger, [ref], 1)
    with pytest.raises(BudgetNotOpen):
        reserve(tenant, [], 1)
    assert balances(ref) == NOTHING


def test_a_charge_is_paid_once(tenant: Tenant) -> None:
    ref, step = open_budget(tenant, tokens=100), uuid4()
    for _ in range(2):
        budget_charge(tenant_id=tenant.id, step_id=step, position=0, budgets=[ref], amount=Amount(30, Decimal("0.3")))
    assert balances(ref) == (30, 0, Decimal("0.3"), Decimal(0))
    with pytest.raises(BudgetExceeded):
        budget_charge(tenant_id=tenant.id, step_id=step, position=1, budgets=[ref], amount=Amount(71))


def test_many_charges_are_all_paid_or_none(tenant: Tenant) -> None:
    ref, steps = open_budget(tenant, tokens=100), [uuid4() for _ in range(5)]
    charges = [Charge(tenant.id, step, 0, (ref,), Amount(20)) for step in steps]
    budgets_charge(charges[:2])
    budgets_charge(charges)  # the first two were paid before
    assert balances(ref)[:2] == (100, 0)
    assert Reservation.objects.filter(status="settled").count() == 5
    budgets_charge([])
    with pytest.raises(BudgetExceeded) as refused:
        budgets_charge([*charges, Charge(tenant.id, uuid4(), 0, (ref,), Amount(1))])
    assert refused.value.details["asked"] == 1
    assert balances(ref)[:2] == (100, 0)


def test_opening_again_keeps_limits_and_balances(tenant: Tenant) -> None:
    ref = open_budget(tenant, tokens=100)
    reserve(tenant, [ref], 10)
    budget_open(tenant_id=tenant.id, scope=ref.scope, scope_id=ref.scope_id, limit_tokens=5, limit_usd=None)
    (state,) = budget_states(tenant_id=tenant.id, refs=[ref])
    assert (state.limit_tokens, state.reserved_tokens, state.left_tokens) == (100, 10, 90)


def test_states_come_in_the_order_asked_and_only_the_tenants_own(tenant: Tenant) -> None:
    refs = [open_budget(tenant, tokens=number) for number in (1, 2, 3)]
    missing = BudgetRef(BudgetScope.TASK, uuid4())
    states = budget_states(tenant_id=tenant.id, refs=[refs[2], missing, refs[0]])
    assert [state.limit_tokens for state in states] == [3, 1]
    assert budget_states(tenant_id=uuid4(), refs=refs) == []


def test_a_lowered_limit_refuses_and_is_recorded(tenant: Tenant) -> None:
    ref = open_budget(tenant, tokens=100)
    budget = Budget.objects.get(scope_id=ref.scope_id)
    budget_limit(budget=budget, limit_tokens=5, limit_usd=None, changed_by="user:owner")
    with pytest.raises(BudgetExceeded):
        reserve(tenant, [ref], 6)
    entry = AuditEntry.objects.get(action="budget.limit")
    assert (entry.actor, entry.resource["limit_tokens"]) == ("user:owner", 5)


def test_a_refusal_that_rolled_its_transaction_back_is_recorded_afterwards(
    tenant: Tenant, principal: Principal
) -> None:
    ref = open_budget(tenant, tokens=1)
    with pytest.raises(BudgetExceeded) as refused, transaction.atomic():
        reserve(tenant, [ref], 2)
    refusal_record(principal=principal, error=refused.value, resource={"model": "m"})
    entry = AuditEntry.objects.get(action="budget.reserve")
    assert (entry.tenant_id, entry.actor, entry.outcome, entry.rule) == (
        tenant.id,
        "key:test",
        "denied",
        "BUDGET_EXCEEDED",
    )
    assert entry.resource["limit"] == 1
    assert entry.resource["model"] == "m"


def test_the_hot_path_takes_one_query_each(tenant: Tenant) -> None:
    refs = [
        open_budget(tenant),
        open_budget(tenant, scope=BudgetScope.SESSION),
        BudgetRef(BudgetScope.TENANT, tenant.id),
    ]
    step = uuid4()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        reserve(tenant, refs, 10, step=step)
        assert len(queries) == 1
        budget_settle(step_id=step, position=0, actual=Amount(5))
        assert len(queries) == 2
        budget_release(step_id=step)
        assert len(queries) == 3
        charges = [Charge(tenant.id, uuid4(), 0, tuple(refs), Amount(1)) for _ in range(16)]
        budgets_charge(charges)
        assert len(queries) == 4
        budget_states(tenant_id=tenant.id, refs=refs)
        assert len(queries) == 5


def test_what_is_spent_is_charged_beyond_every_limit_and_once(tenant: Tenant) -> None:
    refs, step = [open_budget(tenant, tokens=10), open_budget(tenant, scope=BudgetScope.SESSION)], uuid4()
    for _ in range(2):
        budget_charge(
            tenant_id=tenant.id, step_id=step, position=0, budgets=refs, amount=Amount(tokens=25), is_spent=True
        )
    for ref in refs:
        assert balances(ref) == (25, 0, Decimal(0), Decimal(0))
    assert LedgerEntry.objects.get(step_id=step).tokens == 25
    with pytest.raises(BudgetExceeded):
        reserve(tenant, refs, 1)
    with pytest.raises(BudgetNotOpen):
        budget_charge(
            tenant_id=tenant.id,
            step_id=step,
            position=1,
            budgets=[BudgetRef(BudgetScope.TASK, uuid4())],
            amount=Amount(tokens=1),
            is_spent=True,
        )


def test_what_many_steps_hold_is_given_back_in_one_statement(tenant: Tenant) -> None:
    refs = [open_budget(tenant), open_budget(tenant, scope=BudgetScope.SESSION)]
    held = [reserve(tenant, refs, 5, "0.1", position=position) for position in (0, 1) for _ in range(3)]
    kept = reserve(tenant, refs, 7)
    with CaptureQueriesContext(connection) as asked:
        budgets_release([charge.step_id for charge in held])
        budgets_release([charge.step_id for charge in held])
    assert len(asked) == 2
    for ref in refs:
        assert balances(ref) == (0, 7, Decimal(0), Decimal(0))
    assert Reservation.objects.filter(status="held").get().step_id == kept.step_id


def test_the_plan_of_reserving_and_settling_is_made_once(tenant: Tenant) -> None:
    refs = [open_budget(tenant)]

    def call() -> None:
        asked = reserve(tenant, refs, 5, "0.1")
        budget_settle(step_id=asked.step_id, position=0, actual=Amount(4, Decimal("0.1")))

    for _ in range(6):  # five times the server makes one for the values of the time, to know what that is worth
        call()
    before = _plans()
    call()
    assert [(kept - was, made) for (kept, made), (was, _) in zip(_plans(), before, strict=True)] == [
        (1, made) for _, made in before
    ]
    assert len(before) == 2


def _plans() -> list[tuple[int, int]]:
    """Return of both statements how often this connection used a plan that was kept, and one for the values."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT generic_plans, custom_plans FROM pg_prepared_statements"
            " WHERE statement LIKE '%known_level%' OR statement LIKE '%FROM (VALUES%settled%'"
            " ORDER BY name"
        )
        return [(int(kept), int(made)) for kept, made in cursor.fetchall()]
