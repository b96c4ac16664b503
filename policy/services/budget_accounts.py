"""Opening budgets and changing their limits."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import F
from django.db.models.functions import Coalesce, Least

from policy.models import Budget
from policy.services.audit import audit_record
from policy.types import AuditOutcome, BudgetLimits, BudgetPeriod, BudgetRef, BudgetScope
from shannon_project.foundation.postgres.rows import row_insert


def budget_open(
    *,
    tenant_id: UUID,
    scope: BudgetScope,
    scope_id: UUID,
    limit_tokens: int | None,
    limit_usd: Decimal | None,
    period: BudgetPeriod = BudgetPeriod.NONE,
    subject: str = "",
    cheaper_tier_percent: int | None = None,
    smaller_output_percent: int | None = None,
    ask_person_percent: int | None = None,
) -> None:
    """Open a budget; one that is open keeps its limits and balances. One statement, in the caller's transaction.

    Args:
        tenant_id: Who pays.
        scope: What it is a budget of.
        scope_id: Id of the step, task, session or tenant; a user's is `user_scope_id`.
        limit_tokens: None for unlimited: spending is counted all the same.
        limit_usd: US dollars; None for unlimited.
        period: How long it counts before it begins anew.
        subject: A user's name.
        cheaper_tier_percent: From what part of it on a cheaper model answers; None: never.
        smaller_output_percent: From what part of it on answers are shorter as well; None: never.
        ask_person_percent: From what part of it on a person is asked before it goes on; None: never.
    """
    limits = BudgetLimits(limit_tokens, limit_usd, cheaper_tier_percent, smaller_output_percent, ask_person_percent)
    budgets_open(
        tenant_id=tenant_id, limits={BudgetRef(scope, scope_id): limits}, period=BudgetPeriod(period), subject=subject
    )


def budgets_open(
    *,
    tenant_id: UUID,
    limits: Mapping[BudgetRef, BudgetLimits],
    period: BudgetPeriod = BudgetPeriod.NONE,
    subject: str = "",
) -> None:
    """Open several budgets of a tenant as `budget_open` does one, in the caller's transaction. Waits for nothing."""
    for ref, limit in limits.items():
        budget = Budget(
            tenant_id=tenant_id,
            scope=BudgetScope(ref.scope),
            scope_id=ref.scope_id,
            limit_tokens=limit.tokens,
            limit_usd=limit.usd,
            period=period,
            subject=subject,
            cheaper_tier_percent=limit.cheaper_tier_percent,
            smaller_output_percent=limit.smaller_output_percent,
            ask_person_percent=limit.ask_person_percent,
        )
        row_insert(budget, ignores_conflict=True)


def budget_tighten(*, tenant_id: UUID, scope: BudgetScope, scope_id: UUID, limits: BudgetLimits) -> None:
    """Lower the limits of an open budget to those that a caller asks for; a tighter one stays. One statement."""
    changes: dict[str, Any] = {}
    for name in ("tokens", "usd"):
        if (asked := getattr(limits, name)) is not None:
            changes[f"limit_{name}"] = Least(Coalesce(F(f"limit_{name}"), asked), asked)
    for name in ("cheaper_tier_percent", "smaller_output_percent", "ask_person_percent"):
        if (percent := getattr(limits, name)) is not None:
            changes[name] = Least(Coalesce(F(name), percent), percent)
    if changes:
        Budget.objects.filter(tenant_id=tenant_id, scope=scope, scope_id=scope_id, period="").update(**changes)


def budget_limit(
    *,
    budget: Budget,
    limit_tokens: int | None,
    limit_usd: Decimal | None,
    changed_by: str = "system",
    percents: Mapping[str, int | None] | None = None,
) -> None:
    """Change the limits of a budget; what is spent and reserved stays, and may be above the new limit.

    Args:
        budget: Which.
        limit_tokens: None for unlimited.
        limit_usd: US dollars; None for unlimited.
        changed_by: For the audit log.
        percents: New values of `notify_percent`, `cheaper_tier_percent`, `smaller_output_percent` and
            `ask_person_percent`; what is not named stays.
    """
    more = dict(percents or {})
    # Of a limit that was raised is warned anew, and a person asked anew.
    Budget.objects.filter(pk=budget.pk).update(
        limit_tokens=limit_tokens, limit_usd=limit_usd, notified_at=None, consented_at=None, **more
    )
    audit_record(
        tenant_id=budget.tenant_id,
        actor=changed_by,
        action="budget.limit",
        outcome=AuditOutcome.CHANGED,
        resource={
            "scope": budget.scope,
            "scope_id": str(budget.scope_id),
            "period": budget.period,
            "limit_tokens": limit_tokens,
            "limit_usd": None if limit_usd is None else str(limit_usd),
            **more,
        },
    )
