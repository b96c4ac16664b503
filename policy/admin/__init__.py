"""The admin of tenants, keys, policies, budgets and the audit log. Every change goes through a service."""

from policy.admin.accounts import BudgetAdmin, ReservationAdmin
from policy.admin.audit import AuditEntryAdmin
from policy.admin.policies import PolicyAdmin
from policy.admin.tenants import ApiKeyAdmin, TenantAdmin

__all__ = ["ApiKeyAdmin", "AuditEntryAdmin", "BudgetAdmin", "PolicyAdmin", "ReservationAdmin", "TenantAdmin"]
