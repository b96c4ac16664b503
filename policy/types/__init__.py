"""Values of the policy app: who acts, what was decided, what it may cost."""

from policy.types.budgets import (
    Amount,
    BudgetLimits,
    BudgetPeriod,
    BudgetRef,
    BudgetScope,
    BudgetState,
    Degradation,
    payer_refs,
    user_scope_id,
)
from policy.types.decisions import Action, AuditOutcome, Decision, Verdict
from policy.types.principals import SCOPES, TENANT_WEIGHT_MAX, Principal, TenantLimits
from policy.types.reservations import (
    Charge,
    Hold,
    LedgerKind,
    Purchase,
    ReservationStatus,
    Reserved,
    Reserving,
    Settlement,
    UsageKey,
)

__all__ = [
    "SCOPES",
    "TENANT_WEIGHT_MAX",
    "Action",
    "Amount",
    "AuditOutcome",
    "BudgetLimits",
    "BudgetPeriod",
    "BudgetRef",
    "BudgetScope",
    "BudgetState",
    "Charge",
    "Decision",
    "Degradation",
    "Hold",
    "LedgerKind",
    "Principal",
    "Purchase",
    "ReservationStatus",
    "Reserved",
    "Reserving",
    "Settlement",
    "TenantLimits",
    "UsageKey",
    "Verdict",
    "payer_refs",
    "user_scope_id",
]
