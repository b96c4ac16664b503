"""Settings of the policy app; units are in the names."""

from shannon_project.settings.env import ENV

SHANNON_RATE_LIMIT_KEY_PER_MINUTE = ENV.rate_limit_key_per_minute  # requests of one API key; 0: no limit
SHANNON_RATE_LIMIT_TENANT_PER_MINUTE = (
    ENV.rate_limit_tenant_per_minute
)  # of all keys of a tenant that has none of its own
SHANNON_SIGN_IN_ADDRESS_PER_MINUTE = 20  # attempts to sign in to the admin from one address …
SHANNON_SIGN_IN_ACCOUNT_PER_MINUTE = 40  # … and at one account: more, or one address could keep its owner out

SHANNON_POLICY_RECHECK_SECONDS = 0.8  # how long a process may decide by policies that were changed meanwhile
SHANNON_REGISTRY_RECHECK_SECONDS = 1.0  # how long what a process was told of changed rows of a tenant counts as now
SHANNON_RESERVATION_MAX_SECONDS = 900.0  # an effect takes no longer: a step's deadline is 600 s
SHANNON_BUDGET_WAIT_SECONDS = 30.0  # a step's call waits so long for money that other calls have only set aside
SHANNON_RESERVATIONS_EXPIRED_AT_ONCE = 500
SHANNON_LEDGER_CHECK_SECONDS = 3600.0  # between two comparisons of all budgets with the ledger
SHANNON_POLICY_CACHED_TENANTS = 256  # compiled policy sets per process, about 6 MB each at most
SHANNON_POLICY_CACHED_DECISIONS = 4096  # per process; they live no longer than the recheck interval
SHANNON_API_KEY_LAST_USED_SECONDS = 60.0  # how exact `last_used_at` is: one write per key in this time
SHANNON_AUDIT_TEXT_MAX_CHARS = 500  # longer texts of a refused request are cut in the audit log
