"""The books of direct calls: many are written together, each stands for itself, and no tenant waits for another."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, transaction
from django.utils import timezone

from agents.direct import books as module
from agents.direct.books import DirectBooks
from agents.direct.engine import DirectEngine, direct_context
from agents.llm.books import Ended
from agents.llm.errors import ModelUsage
from agents.llm.records import COLUMNS, CallFacts, CallRows
from agents.llm.routing import Attempt
from agents.llm.types import ModelRequest
from agents.models import ModelCall
from policy.errors import BudgetExceeded
from policy.models import Budget, LedgerEntry, Reservation, Tenant
from policy.services import budget_limit, budgets_reserve, ledger_check, tenant_seed
from policy.types import Amount, BudgetRef, BudgetScope, Principal, Purchase, Reserved, Reserving, Settlement
from shannon_project.config.catalogue import catalogue
from shannon_project.foundation.errors import Unavailable
from shannon_project.foundation.ids import uuid7

pytestmark = pytest.mark.django_db(transaction=True)
CALLS = 40
TOKENS = 30


@pytest.fixture
def tenant() -> Tenant:
    return tenant_seed(slug="acme", name="Acme")


def reserving(tenant: Tenant, step_id: UUID) -> Reserving:
    return Reserving(tenant.id, step_id, 0, (BudgetRef(BudgetScope.TENANT, tenant.id),), Amount(TOKENS))


def ended(tenant: Tenant, step_id: UUID) -> Ended:
    principal = Principal(tenant.id, "key:acme", "ada", frozenset())
    budgets = (BudgetRef(BudgetScope.TENANT, tenant.id),)
    ctx = direct_context(principal, DirectEngine(), budgets=budgets)
    request = ModelRequest(messages=[{"role": "user", "content": "hi"}])
    model = catalogue().models["offline/small"]
    used = ModelUsage(10, 5, is_estimate=False)
    now = timezone.now()
    attempt = Attempt(1, model, "environment", "ok", "", False, now, 0.1, None, used)
    facts = CallFacts(ctx, request, 0, "digest", 0, now)
    return Ended(Settlement(step_id, 0, Amount(15), Purchase()), CallRows.of(facts, [attempt], None))


def at_once(work: Callable[[UUID], Any], count: int = CALLS) -> tuple[list[UUID], list[Any]]:
    """Do it with so many new ids at the same moment; return them, and what each gave or raised."""
    ids, barrier = [uuid7() for _ in range(count)], threading.Barrier(count)

    def one(step_id: UUID) -> Any:
        barrier.wait()
        try:
            return work(step_id)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            return error

    with ThreadPoolExecutor(count) as pool:
        return ids, list(pool.map(one, ids))


def counting(monkeypatch: pytest.MonkeyPatch, name: str) -> list[int]:
    """Return a list to which each call of a function of the books adds how many it was given."""
    sizes: list[int] = []
    real = getattr(module, name)

    def counted(given: Any) -> Any:
        sizes.append(len(given))
        return real(given)

    monkeypatch.setattr(module, name, counted)
    return sizes


def test_calls_of_a_moment_are_reserved_and_settled_together(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    reserved, settled = counting(monkeypatch, "budgets_reserve"), counting(monkeypatch, "ended_write")
    books = DirectBooks()

    ids, found = at_once(lambda step: books.reserve(reserving(tenant, step)))
    at_once_ids = iter(ids)
    at_once(lambda _: books.settle(ended(tenant, next(at_once_ids))))

    assert all(isinstance(each, Reserved) for each in found)
    assert sum(reserved) == sum(settled) == CALLS
    assert len(reserved) < CALLS
    assert len(settled) < CALLS
    budget = Budget.objects.get(scope="tenant", scope_id=tenant.id)
    assert (budget.spent_tokens, budget.reserved_tokens) == (CALLS * 15, 0)
    assert ModelCall.objects.count() == LedgerEntry.objects.count() == CALLS
    assert ledger_check() == []


def test_a_budget_that_covers_some_of_them_refuses_the_others_by_name(tenant: Tenant) -> None:
    budget = Budget.objects.get(scope="tenant", scope_id=tenant.id)
    budget_limit(budget=budget, limit_tokens=10 * TOKENS + 1, limit_usd=None)
    books = DirectBooks()

    _, found = at_once(lambda step: books.reserve(reserving(tenant, step)))

    refused = [each for each in found if isinstance(each, BudgetExceeded)]
    assert len(refused) == CALLS - 10
    assert refused[0].details["scope"] == "tenant"
    assert Reservation.objects.filter(status="held").count() == 10


def test_a_tenant_whose_budget_is_locked_holds_up_no_other(tenant: Tenant) -> None:
    other = tenant_seed(slug="other", name="Other")
    books = DirectBooks()
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            list(Budget.objects.select_for_update().filter(scope_id=tenant.id))
            waits = pool.submit(books.reserve, reserving(tenant, uuid7()))

            assert isinstance(books.reserve(reserving(other, uuid7())), Reserved)
            assert not waits.done()
        assert isinstance(waits.result(120), Reserved)


def test_where_they_cannot_be_written_together_each_is_by_itself(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, broken = budgets_reserve, uuid7()

    def breaks(asked: Any) -> Any:
        if any(each.step_id == broken for each in asked):
            raise OperationalError("told to fail")
        return real(asked)

    monkeypatch.setattr(module, "budgets_reserve", breaks)
    books = DirectBooks()

    _, found = at_once(lambda step: books.reserve(reserving(tenant, step)))
    with pytest.raises(Unavailable):
        books.reserve(reserving(tenant, broken))

    assert all(isinstance(each, Reserved) for each in found)


def test_what_is_written_again_is_there_once(tenant: Tenant) -> None:
    books, step = DirectBooks(), uuid7()
    books.reserve(reserving(tenant, step))
    end = ended(tenant, step)

    books.settle(end)
    books.settle(end)

    assert ModelCall.objects.count() == LedgerEntry.objects.count() == 1
    assert ledger_check() == []


def test_rows_have_every_column_of_their_table() -> None:
    assert set(COLUMNS) == {field.column for field in ModelCall._meta.concrete_fields}
