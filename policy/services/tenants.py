"""Tenants: make one with all that it needs, switch one on and off."""

from dataclasses import asdict

from django.db import transaction

from policy.models import Tenant
from policy.services.audit import audit_record
from policy.services.budget_accounts import budget_open
from policy.services.policies import generation_advance, policies_seed
from policy.types import TENANT_WEIGHT_MAX, AuditOutcome, BudgetScope, TenantLimits
from shannon_project.foundation.errors import InvalidInput


def tenant_seed(*, slug: str, name: str) -> Tenant:
    """Return the tenant of this slug, made if it is missing, with its (unlimited) budget and the default policies.

    Safe to call again: what exists is left as it is.
    """
    policies_seed()
    with transaction.atomic():
        tenant, _ = Tenant.objects.get_or_create(slug=slug, defaults={"name": name})
        budget_open(
            tenant_id=tenant.id, scope=BudgetScope.TENANT, scope_id=tenant.id, limit_tokens=None, limit_usd=None
        )
    return tenant


def tenant_limits_set(*, tenant: Tenant, limits: TenantLimits, changed_by: str = "system") -> bool:
    """Set a tenant's share of the workers and its limits; they hold from the next step, submit and request on.

    Returns:
        Whether anything changed; then it is in the audit log.

    Raises:
        InvalidInput: A value is out of range (the caller's fault).
    """
    if not 1 <= limits.weight <= TENANT_WEIGHT_MAX:
        raise InvalidInput(f"weight: must be a whole number from 1 to {TENANT_WEIGHT_MAX}.")
    if limits.max_running_steps is not None and limits.max_running_steps < 1:
        raise InvalidInput("max_running_steps: must be at least 1; switch the tenant off to stop it.")
    values = asdict(limits)
    with transaction.atomic():
        row = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
        if all(getattr(row, name) == value for name, value in values.items()):
            return False
        Tenant.objects.filter(pk=tenant.pk).update(**values)
        generation_advance()  # processes that ask models keep its weight
        audit_record(
            tenant_id=tenant.pk,
            actor=changed_by,
            action="tenant.limits",
            outcome=AuditOutcome.CHANGED,
            resource=values,
        )
    return True


def tenant_switch(*, tenant: Tenant, is_active: bool, switched_by: str = "system") -> bool:
    """Switch a tenant on or off: keys are refused at once, running work within a second. False: it was so already."""
    with transaction.atomic():
        if not Tenant.objects.filter(pk=tenant.pk, is_active=not is_active).update(is_active=is_active):
            return False
        generation_advance()  # decisions of running work depend on it
        audit_record(
            tenant_id=tenant.pk,
            actor=switched_by,
            action="tenant.switch",
            outcome=AuditOutcome.CHANGED,
            resource={"is_active": is_active},
        )
    return True
