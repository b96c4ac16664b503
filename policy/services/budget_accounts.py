"""Opening budgets and changing their limits."""

from decimal import Decimal
from uuid import UUID

from policy.models import Budget
from policy.services.audit import audit_record
from policy.types import AuditOutcome, BudgetScope


def budget_open(
    *, tenant_id: UUID, scope: BudgetScope, scope_id: UUID, limit_tokens: int | None, limit_usd: Decimal | None
) -> None:
    """Open a budget; one that is open keeps its limits and balances. One statement, in the caller's transaction.

    Args:
        tenant_id: Who pays.
        scope: What it is a budget of.
        scope_id: Id of the task, session or tenant.
        limit_tokens: None for unlimited: spending is counted all the same.
        limit_usd: US dollars; None for unlimited.
    """
    Budget.objects.bulk_create(
        [
            Budget(
                tenant_id=tenant_id,
                scope=BudgetScope(scope),
                scope_id=scope_id,
                limit_tokens=limit_tokens,
                limit_usd=limit_usd,
            )
        ],
        ignore_conflicts=True,
    )


def budget_limit(
    *, budget: Budget, limit_tokens: int | None, limit_usd: Decimal | None, changed_by: str = "system"
) -> None:
    """Change the limits of a budget; what is spent and reserved stays, and may be above the new limit."""
    Budget.objects.filter(pk=budget.pk).update(limit_tokens=limit_tokens, limit_usd=limit_usd)
    audit_record(
        tenant_id=budget.tenant_id,
        actor=changed_by,
        action="budget.limit",
        outcome=AuditOutcome.CHANGED,
        resource={
            "scope": budget.scope,
            "scope_id": str(budget.scope_id),
            "limit_tokens": limit_tokens,
            "limit_usd": None if limit_usd is None else str(limit_usd),
        },
    )
