"""Many processes on one small budget, and processes that die between reserving and settling."""

import os
import signal
import subprocess
import sys
from decimal import Decimal
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.db import connection

from policy.models import AuditEntry, Budget, LedgerEntry, Reservation, Tenant
from policy.services import budget_settle, ledger_check, reservations_expire, tenant_seed
from policy.types import Amount, BudgetRef, BudgetScope
from tests.integration.policy.accounts import balances, open_budget

pytestmark = pytest.mark.django_db(transaction=True)
PROCESSES, CALLS_EACH = 4, 50
CALLER = """
import sys, threading, uuid, random
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
import django
django.setup()
from django.db import connection, transaction
from policy.errors import BudgetExceeded
from policy.services import budget_reserve, budget_settle, refusal_record
from policy.types import Amount, BudgetRef, BudgetScope, Principal, Purchase

tenant_id, task_id, calls, end = uuid.UUID(sys.argv[1]), uuid.UUID(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
refs = [BudgetRef(BudgetScope.TASK, task_id), BudgetRef(BudgetScope.TENANT, tenant_id)]
principal = Principal(tenant_id, "key:test", "ada")

def call(number):
    step = uuid.uuid4()
    try:
        budget_reserve(tenant_id=tenant_id, step_id=step, position=0, budgets=refs,
            amount=Amount(30, Decimal("0.03")), purchase=Purchase(user_id="ada", task_id=task_id, model="m"))
    except BudgetExceeded as error:
        refusal_record(principal=principal, error=error, resource={})
        return 0
    else:
        if end == "die":
            print(step, flush=True)
            threading.Event().wait()
        budget_settle(step_id=step, position=0, actual=Amount(random.randint(1, 30), Decimal("0.01")))
        return 1
    finally:
        connection.close()

sys.stdin.readline()  # all begin together
with ThreadPoolExecutor(10) as pool:
    print(sum(pool.map(call, range(calls))))
"""


def process_of(
    tenant: Tenant, task: BudgetRef, *, calls: int = CALLS_EACH, end: str = "settle"
) -> "subprocess.Popen[str]":
    """Start a process that makes calls when it is told to; it uses the tests' own database."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "shannon_project.settings",
        "SHANNON_DATABASE_POOL_MAX_CONNECTIONS": "5",
        "SHANNON_LOG_LEVEL": "ERROR",
    }
    command = [sys.executable, "-c", CALLER, str(tenant.id), str(task.scope_id), str(calls), end]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, stdin=pipe, stdout=pipe, text=True)


def test_two_hundred_calls_of_four_processes_never_overdraw_and_every_refusal_is_recorded() -> None:
    tenant = tenant_seed(slug="acme", name="Acme")
    small = open_budget(tenant, tokens=1_000, usd=Decimal(50))
    processes = [process_of(tenant, small) for _ in range(PROCESSES)]
    answers = [process.communicate("go\n", timeout=120)[0] for process in processes]
    granted = sum(int(answer) for answer in answers)
    assert 33 <= granted < PROCESSES * CALLS_EACH  # 33 * 30 = 990, and more since settled calls cost less
    spent, reserved, *_ = balances(small)
    assert reserved == 0
    assert 0 < spent <= 1_000
    refused = AuditEntry.objects.filter(rule="BUDGET_EXCEEDED", tenant=tenant)
    assert granted + refused.count() == PROCESSES * CALLS_EACH
    assert LedgerEntry.objects.filter(tenant=tenant).count() == granted
    assert ledger_check() == []


def test_a_process_killed_between_reserving_and_settling_loses_nothing() -> None:
    tenant = tenant_seed(slug="acme", name="Acme")
    budget = open_budget(tenant, tokens=100, usd=Decimal(1))
    process = process_of(tenant, budget, calls=1, end="die")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    step = UUID(process.stdout.readline().strip())
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=120)
    assert balances(budget) == (0, 30, Decimal(0), Decimal("0.03"))
    assert reservations_expire(older_than_seconds=600, limit=10) == 0  # it may still be at work
    assert reservations_expire(older_than_seconds=0, limit=10) == 1
    assert balances(budget) == (30, 0, Decimal("0.03"), Decimal(0))
    entry = LedgerEntry.objects.get(step_id=step)
    assert (entry.kind, entry.tokens, entry.usd, entry.user_id, entry.model) == (
        "expired",
        30,
        Decimal("0.03"),
        "ada",
        "m",
    )
    assert entry.is_estimate
    assert reservations_expire(older_than_seconds=0, limit=10) == 0
    budget_settle(step_id=step, position=0, actual=Amount(12, Decimal("0.02")))  # it lived after all
    assert balances(budget) == (12, 0, Decimal("0.02"), Decimal(0))
    corrected = LedgerEntry.objects.get(step_id=step, kind="corrected")
    assert (corrected.tokens, corrected.usd) == (-18, Decimal("-0.01"))
    assert Reservation.objects.get(step_id=step).status == "settled"
    assert ledger_check() == []


def test_a_difference_between_balance_and_ledger_is_found() -> None:
    tenant = tenant_seed(slug="acme", name="Acme")
    budget = open_budget(tenant, tokens=100)
    Budget.objects.filter(scope_id=budget.scope_id).update(spent_tokens=5)
    [found] = ledger_check()
    assert (found["scope_id"], found["spent_tokens"], found["booked_tokens"]) == (budget.scope_id, 5, 0)
    assert uuid4() != found["id"]
    assert BudgetScope(found["scope"]) is BudgetScope.TASK
