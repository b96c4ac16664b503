"""Direct calls of several gateway processes on one small budget: the whole way of a call, but for the provider."""

import json
import os
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection

from agents.models import ModelCall
from policy.models import AuditEntry, Budget, LedgerEntry, Reservation, Tenant
from policy.services import budget_limit, ledger_check, policies_seed, tenant_seed

pytestmark = pytest.mark.django_db(transaction=True)
PROCESSES, CALLS_EACH, LIMIT = 4, 50, 5_000
CALLER = """
import asyncio, json, random, sys, uuid
from concurrent.futures import ThreadPoolExecutor
import django
django.setup()
from django.conf import settings
settings.SHANNON_MODEL_GATEWAY = "agents.llm.fake.FakeGateway"
from agents.direct.bodies import ChatBody
from agents.direct.calls import ChatCall
from agents.llm.base import gateway_in_use
from policy.errors import BudgetExceeded
from policy.types import Principal

gateway_in_use()._respond = lambda request: "x" * random.randint(1, 300)
principal = Principal(uuid.UUID(sys.argv[1]), "key:test", "ada", scopes=frozenset({"tasks:write"}))
body = ChatBody.of({"model": "small", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 100})

async def run(pool):
    calls = [ChatCall(principal, body, pool=pool).run() for _ in range(int(sys.argv[2]))]
    return await asyncio.gather(*calls, return_exceptions=True)

sys.stdin.readline()  # all begin together
with ThreadPoolExecutor(16) as pool:
    ended = asyncio.run(run(pool))
refused = sum(isinstance(each, BudgetExceeded) for each in ended)
answered = [each for each in ended if not isinstance(each, BaseException)]
used = sum(each.prompt_tokens + each.completion_tokens for each in answered)
odd = [repr(each) for each in ended if isinstance(each, BaseException) and not isinstance(each, BudgetExceeded)]
print(json.dumps({"answered": len(answered), "refused": refused, "used": used, "odd": odd}))
"""


def process_of(tenant: Tenant) -> "subprocess.Popen[str]":
    """Start a process that makes calls when it is told to; it uses the tests' own database."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "shannon_project.settings",
        "SHANNON_DATABASE_POOL_MAX_CONNECTIONS": "5",
        "SHANNON_LOG_LEVEL": "CRITICAL",
    }
    command = [sys.executable, "-c", CALLER, str(tenant.id), str(CALLS_EACH)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, stdin=pipe, stdout=pipe, text=True)


def test_two_hundred_calls_at_once_spend_no_more_than_there_is_and_every_refusal_is_recorded() -> None:
    policies_seed()
    tenant = tenant_seed(slug="acme", name="Acme")
    budget = Budget.objects.get(scope="tenant", scope_id=tenant.id)
    budget_limit(budget=budget, limit_tokens=LIMIT, limit_usd=None)
    processes = [process_of(tenant) for _ in range(PROCESSES)]
    told = [json.loads(process.communicate("go\n", timeout=180)[0].splitlines()[-1]) for process in processes]
    answered, refused, used = (sum(each[name] for each in told) for name in ("answered", "refused", "used"))

    assert [each["odd"] for each in told] == [[]] * PROCESSES
    assert answered + refused == PROCESSES * CALLS_EACH
    assert answered > 0
    assert refused > 0
    budget.refresh_from_db()
    assert budget.spent_tokens == used <= LIMIT
    assert (budget.reserved_tokens, Reservation.objects.filter(status="held").count()) == (0, 0)
    assert AuditEntry.objects.filter(rule="BUDGET_EXCEEDED", tenant=tenant).count() == refused
    assert LedgerEntry.objects.filter(tenant=tenant).count() == answered
    assert ModelCall.objects.filter(tenant=tenant, outcome="ok").count() == answered
    assert ledger_check() == []
