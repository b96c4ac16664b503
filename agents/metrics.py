"""What agents count. Labels have few values: a model, a tool, an outcome."""

from prometheus_client import Counter, Histogram

MODEL_CALLS = Counter("shannon_model_calls", "Model calls, by outcome.", ["model", "outcome"])
MODEL_TOKENS = Counter("shannon_model_tokens", "Tokens, by kind (prompt or completion).", ["model", "kind"])
MODEL_COST_USD = Counter("shannon_model_cost_usd", "Known cost of model calls in US dollars.", ["model"])
MODEL_ATTEMPTS = Counter(
    "shannon_model_attempts", "Attempts at models, by outcome (ok or the error's code).", ["model", "outcome"]
)
MODEL_FALLBACKS = Counter("shannon_model_fallbacks", "Attempts that were not the first choice, by why.", ["reason"])
MODEL_WAIT_SECONDS = Histogram(
    "shannon_model_wait_seconds",
    "Time that calls waited for a turn under the limits of their model and key.",
    buckets=(0.001, 0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60),
)
MODEL_FIRST_TOKEN_SECONDS = Histogram(
    "shannon_model_first_token_seconds",
    "Time from asking to the first text of a streamed answer.",
    ["model"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60),
)
GATE_DEGRADED = Counter("shannon_model_gate_degraded", "Times that limits of models fell back to this process alone.")
MODEL_CACHE = Counter("shannon_model_cache", "Looks into caches of answers, by kind.", ["kind", "outcome"])
MODEL_SAVED_TOKENS = Counter("shannon_model_saved_tokens", "Tokens that caches of answers spared.", ["kind"])
MODEL_SAVED_USD = Counter(
    "shannon_model_saved_usd", "US dollars that caches spared; provider: those of the providers' own.", ["kind"]
)
TOOL_CALLS = Counter("shannon_tool_calls", "Tool calls, by outcome (ok or the error's code).", ["tool", "outcome"])
TOOL_CACHE = Counter("shannon_tool_cache", "Looks into the cache of tools' answers.", ["tool", "outcome"])
JOURNAL_EFFECTS = Counter(
    "shannon_journal_effects", "Journaled effects: performed, replayed or failed.", ["kind", "outcome"]
)
