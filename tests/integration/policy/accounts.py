"""Budgets for the tests of policy."""

from decimal import Decimal
from uuid import uuid4

from policy.models import Budget, Tenant
from policy.services import budget_open
from policy.types import BudgetRef, BudgetScope


def open_budget(
    tenant: Tenant, *, tokens: int | None = None, usd: Decimal | None = None, scope: BudgetScope = BudgetScope.TASK
) -> BudgetRef:
    """Open a budget and return its name."""
    ref = BudgetRef(scope, uuid4())
    budget_open(tenant_id=tenant.id, scope=scope, scope_id=ref.scope_id, limit_tokens=tokens, limit_usd=usd)
    return ref


def balances(ref: BudgetRef) -> tuple[int, int, Decimal, Decimal]:
    """Return spent and reserved tokens, spent and reserved US dollars."""
    row = Budget.objects.get(scope=ref.scope, scope_id=ref.scope_id)
    return row.spent_tokens, row.reserved_tokens, row.spent_usd, row.reserved_usd
