"""Many threads on few budgets, on the real Postgres."""

import random
import threading
from collections.abc import Callable
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from policy.errors import BudgetExceeded
from policy.models import Reservation, Tenant
from policy.services import budget_release, budget_reserve, budget_settle, tenant_seed
from policy.types import Amount, BudgetRef, BudgetScope
from tests.integration.policy.accounts import balances, open_budget

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 8


def in_threads(work: Callable[[int], None]) -> None:
    """Run `work(number)` in eight threads that start together; the first error is raised here."""
    barrier, errors = threading.Barrier(THREADS), list[BaseException]()

    def run(number: int) -> None:
        try:
            barrier.wait()
            work(number)
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def reserve(tenant: Tenant, refs: list[BudgetRef], step: UUID, tokens: int, usd: Decimal) -> bool:
    try:
        with transaction.atomic():
            budget_reserve(tenant_id=tenant.id, step_id=step, position=0, budgets=refs, amount=Amount(tokens, usd))
    except BudgetExceeded:
        return False
    return True


def test_two_hundred_reservations_never_overdraw_a_small_budget() -> None:
    tenant = tenant_seed(slug="acme", name="Acme")
    small = open_budget(tenant, tokens=1_000)
    refs = [small, open_budget(tenant, scope=BudgetScope.SESSION), BudgetRef(BudgetScope.TENANT, tenant.id)]
    granted, refused = [0] * THREADS, [0] * THREADS

    def work(number: int) -> None:
        shuffled = random.Random(number)
        for _ in range(25):
            order = shuffled.sample(refs, len(refs))  # the caller's order must not matter
            if reserve(tenant, order, uuid4(), 30, Decimal("0.001")):
                granted[number] += 1
            else:
                refused[number] += 1

    in_threads(work)
    assert sum(granted) == 33  # 33 * 30 = 990 of 1,000
    assert sum(granted) + sum(refused) == 200
    for ref in refs:
        assert balances(ref) == (0, 990, Decimal(0), Decimal("0.033"))
    assert Reservation.objects.filter(status="held").count() == 33


def test_balances_equal_the_reservations_after_a_mixed_run() -> None:
    tenant = tenant_seed(slug="acme", name="Acme")
    shared = BudgetRef(BudgetScope.TENANT, tenant.id)
    tasks = [open_budget(tenant, tokens=400, usd=Decimal(1)) for _ in range(3)]

    def work(number: int) -> None:
        chance = random.Random(number)
        for _ in range(25):
            step, refs = uuid4(), [shared, chance.choice(tasks)]
            if not reserve(tenant, refs, step, chance.randint(1, 40), Decimal("0.01")):
                continue
            fate = chance.random()
            with transaction.atomic():
                if fate < 0.5:
                    budget_settle(step_id=step, position=0, actual=Amount(chance.randint(0, 40), Decimal("0.005")))
                elif fate < 0.8:
                    budget_release(step_id=step)

    in_threads(work)
    rows = list(Reservation.objects.all())
    held = [row for row in rows if row.status == "held"]
    settled = [row for row in rows if row.status == "settled"]
    assert balances(shared) == (
        sum(row.actual_tokens or 0 for row in settled),
        sum(row.tokens for row in held),
        sum((row.actual_usd or Decimal(0) for row in settled), Decimal(0)),
        sum((row.usd for row in held), Decimal(0)),
    )
    per_task = [balances(task) for task in tasks]
    assert sum(tokens for tokens, *_ in per_task) == balances(shared)[0]
    assert sum(reserved for _, reserved, *_ in per_task) == balances(shared)[1]


def test_one_key_reserved_and_settled_by_eight_threads_is_paid_once() -> None:
    tenant = tenant_seed(slug="acme", name="Acme")
    ref, step = open_budget(tenant, tokens=100), uuid4()

    def work(number: int) -> None:
        assert reserve(tenant, [ref], step, 10, Decimal("0.1"))
        with transaction.atomic():
            budget_settle(step_id=step, position=0, actual=Amount(7, Decimal("0.07")))

    in_threads(work)
    assert balances(ref) == (7, 0, Decimal("0.07"), Decimal(0))
    assert Reservation.objects.count() == 1
