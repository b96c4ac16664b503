"""What the statements of budgets are given and what they return."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from policy.types import BudgetRef, BudgetScope
from shannon_project.foundation.database import prepared_cursor


def budgets_named(tenant_id: UUID, budgets: Sequence[BudgetRef]) -> dict[str, Any]:
    """Return the parameters by which a statement finds budgets; a user's need not be there."""
    return {
        "tenant_id": tenant_id,
        "scopes": [str(ref.scope) for ref in budgets],
        "scope_ids": [ref.scope_id for ref in budgets],
        "required": len({ref for ref in budgets if ref.scope is not BudgetScope.USER}),
    }


def rows_of(statement: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Execute a statement and return its rows by the names of their columns."""
    with prepared_cursor() as cursor:
        cursor.execute(statement, values)
        rows = cursor.fetchall()  # first: in a pipeline there is no description before
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in rows]
