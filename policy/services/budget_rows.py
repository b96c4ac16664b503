"""How statements find budgets."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from policy.types import BudgetRef, BudgetScope


def of_budgets(tenant_id: UUID, budgets: Sequence[BudgetRef]) -> dict[str, Any]:
    """Return the values by which statements find budgets; a user's need not be there."""
    return {
        "tenant_id": tenant_id,
        "scopes": [str(ref.scope) for ref in budgets],
        "scope_ids": [ref.scope_id for ref in budgets],
        "required": len({ref for ref in budgets if ref.scope is not BudgetScope.USER}),
    }
