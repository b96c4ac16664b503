"""Metrics of the policy app."""

from prometheus_client import Counter, Gauge, Histogram

DECISIONS = Counter("shannon_policy_decisions", "Decisions by action and verdict.", ["action", "verdict"])
DECISION_SECONDS = Histogram(
    "shannon_policy_decision_seconds",
    "Time of a decision that was evaluated (answers from the cache are not counted).",
    buckets=(0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25),
)
BUDGET_REFUSALS = Counter(
    "shannon_budget_refusals", "Reservations and charges refused, by the budget's scope.", ["scope"]
)
KEYS_REFUSED = Counter("shannon_policy_keys_refused", "API keys that were refused, by the error's code.", ["code"])
REQUESTS_REFUSED = Counter(
    "shannon_policy_requests_refused", "Requests refused because there were too many, by whose limit.", ["whose"]
)
RESERVATIONS_EXPIRED = Counter(
    "shannon_budget_reservations_expired", "Reservations of which nobody told the end; charged as they were reserved."
)
LEDGER_DIFFERENCES = Gauge(
    "shannon_budget_ledger_differences",
    "Budgets whose balances are not the sum of their ledger, at the last check.",
    multiprocess_mode="mostrecent",
)
