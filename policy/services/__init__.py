"""What others may ask the policy app to do. Everything is synchronous and takes keywords only."""

from policy.services.audit import audit_record, refusal_record
from policy.services.budget_accounts import budget_limit, budget_open, budget_tighten, budgets_open
from policy.services.budget_batches import budgets_reserve
from policy.services.budget_holds import budgets_held
from policy.services.budget_refusals import request_check
from policy.services.budget_settling import budget_settle, budgets_settle, reservations_expire
from policy.services.budgets import budget_charge, budget_release, budget_reserve, budgets_charge, budgets_release
from policy.services.decisions import authorize, decide, decision_preview, policies_forget, rules_generation
from policy.services.keys import (
    IssuedKey,
    api_key_issue,
    api_key_revoke,
    principal_authenticate,
    principal_renew,
    request_authenticate,
)
from policy.services.ledger import ledger_check
from policy.services.policies import (
    generation_advance,
    policies_seed,
    policy_activate,
    policy_check,
    policy_deactivate,
    policy_save,
)
from policy.services.rate_limits import RateState, sign_in_admit, use_admit
from policy.services.registry import (
    registry_ask,
    registry_changed,
    registry_generation,
    registry_is_changing,
    registry_told,
)
from policy.services.tenants import tenant_limits_set, tenant_seed, tenant_switch

__all__ = [
    "IssuedKey",
    "RateState",
    "api_key_issue",
    "api_key_revoke",
    "audit_record",
    "authorize",
    "budget_charge",
    "budget_limit",
    "budget_open",
    "budget_release",
    "budget_reserve",
    "budget_settle",
    "budget_tighten",
    "budgets_charge",
    "budgets_held",
    "budgets_open",
    "budgets_release",
    "budgets_reserve",
    "budgets_settle",
    "decide",
    "decision_preview",
    "generation_advance",
    "ledger_check",
    "policies_forget",
    "policies_seed",
    "policy_activate",
    "policy_check",
    "policy_deactivate",
    "policy_save",
    "principal_authenticate",
    "principal_renew",
    "refusal_record",
    "registry_ask",
    "registry_changed",
    "registry_generation",
    "registry_is_changing",
    "registry_told",
    "request_authenticate",
    "request_check",
    "reservations_expire",
    "rules_generation",
    "sign_in_admit",
    "tenant_limits_set",
    "tenant_seed",
    "tenant_switch",
    "use_admit",
]
