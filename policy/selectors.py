"""Reading of budgets and accounts."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Now, Trunc, TruncDay, TruncMonth

from policy.models import Budget, LedgerEntry, Reservation, Tenant
from policy.types import (
    BudgetPeriod,
    BudgetRef,
    BudgetScope,
    BudgetState,
    Degradation,
    LedgerKind,
    ReservationStatus,
    UsageKey,
)


def budget_states(*, tenant_id: UUID, refs: Sequence[BudgetRef]) -> list[BudgetState]:
    """Return the named budgets of the tenant, in the order of `refs`, without those that are not open. One query."""
    wanted = Q()
    for ref in refs:
        wanted |= Q(scope=ref.scope, scope_id=ref.scope_id)
    if not refs:
        return []
    lasting = Budget.objects.filter(wanted, tenant_id=tenant_id, period="")
    rows = {(row.scope, row.scope_id): row for row in lasting}
    found = (rows.get((ref.scope.value, ref.scope_id)) for ref in refs)
    return [_state(row) for row in found if row is not None]


def budgets_that_pay(*, tenant_id: UUID, refs: Sequence[BudgetRef]) -> list[BudgetState]:
    """Return the named budgets of the tenant, those of a day and a month too, as they count now. One query.

    What was spent in a day or a month that is over counts no more, also where nobody has touched that budget since.
    """
    wanted = Q()
    for ref in refs:
        wanted |= Q(scope=ref.scope, scope_id=ref.scope_id)
    if not refs:
        return []
    begun = {f"{period}_begun_at": Trunc(Now(), period.value, tzinfo=UTC) for period in _RECURRING}
    rows = Budget.objects.filter(wanted, tenant_id=tenant_id).annotate(**begun).order_by("id")
    return [_state(row, is_over=_is_over(row)) for row in rows]


_RECURRING = (BudgetPeriod.DAY, BudgetPeriod.MONTH)


def _is_over(row: Budget) -> bool:
    return bool(row.period) and row.period_start < getattr(row, f"{row.period}_begun_at")


def degradations_of(*, tenant_id: UUID, task_id: UUID) -> dict[str, int]:
    """Return how many calls of a task were made cheaper, by how much; empty for most tasks. One query."""
    cheaper = Reservation.objects.filter(tenant_id=tenant_id, task_id=task_id, level__gt=0)
    counts = cheaper.exclude(status=ReservationStatus.RELEASED).values_list("level").annotate(calls=Count("id"))
    return {Degradation(level).name.lower(): calls for level, calls in counts}


def tenant_for(*, slug: str) -> Tenant | None:
    """Return the tenant of this slug."""
    return Tenant.objects.filter(slug=slug).first()


def _state(row: Budget, *, is_over: bool = False) -> BudgetState:
    """Return a row as a value; of a period that is over nothing is spent."""
    return BudgetState(
        scope=BudgetScope(row.scope),
        scope_id=row.scope_id,
        period=BudgetPeriod(row.period),
        subject=row.subject,
        limit_tokens=row.limit_tokens,
        spent_tokens=0 if is_over else row.spent_tokens,
        reserved_tokens=row.reserved_tokens,
        limit_usd=row.limit_usd,
        spent_usd=Decimal(0) if is_over else row.spent_usd,
        reserved_usd=row.reserved_usd,
    )


def usage_rows(
    *, tenant_id: UUID | None, since: datetime, until: datetime, by: Sequence[UsageKey], only: Mapping[str, Any]
) -> "QuerySet[LedgerEntry, dict[str, Any]]":
    """Return what a tenant paid, added up; each row is a dict of the keys and of sums.

    Args:
        tenant_id: Whose; None: everybody's, which is for who operates the platform alone.
        since: From this time on.
        until: Before this time.
        by: What is told apart; nothing: one row, if anything was paid.
        only: Fields of an entry with the value that they must have.
    """
    whose = {} if tenant_id is None else {"tenant_id": tenant_id}
    entries = LedgerEntry.objects.filter(created_at__gte=since, created_at__lt=until, **whose, **only)
    # What a budget had spent before there was a ledger stands there once for each budget: it cannot be added up.
    paid = entries.exclude(kind=LedgerKind.OPENING)
    keys = [str(key) for key in by] or ["tenant_id"]
    told_apart = {
        UsageKey.DAY: TruncDay("created_at", tzinfo=UTC),
        UsageKey.MONTH: TruncMonth("created_at", tzinfo=UTC),
    }
    dated = paid.annotate(**{str(key): told_apart[key] for key in by if key in told_apart})
    calls = Count("id", filter=~Q(kind=LedgerKind.CORRECTED))
    rows: QuerySet[LedgerEntry, dict[str, Any]] = (
        dated.order_by()
        .values(*keys)
        .annotate(
            calls=calls,
            sum_prompt_tokens=Sum("prompt_tokens"),
            sum_completion_tokens=Sum("completion_tokens"),
            sum_tokens=Sum("tokens"),
            sum_usd=Sum("usd"),
            unpriced_calls=Count("id", filter=Q(is_price_known=False)),
            estimated_calls=Count("id", filter=Q(is_estimate=True)),
        )
        .order_by(*keys)
    )
    return rows


def tenant_weights() -> dict[UUID, int]:
    """Return the weights of tenants that have another one than 1. One query."""
    return dict(Tenant.objects.exclude(weight=1).values_list("id", "weight"))


def tenant_weight(tenant_id: UUID) -> int:
    """Return a tenant's weight; 1 where it has none. One query."""
    return Tenant.objects.filter(pk=tenant_id).values_list("weight", flat=True).first() or 1
