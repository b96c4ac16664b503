"""What agents count. Labels have few values: a model, a tool, an outcome."""

from prometheus_client import Counter

MODEL_CALLS = Counter("shannon_model_calls", "Model calls, by outcome.", ["model", "outcome"])
MODEL_TOKENS = Counter("shannon_model_tokens", "Tokens, by kind (prompt or completion).", ["model", "kind"])
MODEL_COST_USD = Counter("shannon_model_cost_usd", "Known cost of model calls in US dollars.", ["model"])
TOOL_CALLS = Counter("shannon_tool_calls", "Tool calls, by outcome (ok or the error's code).", ["tool", "outcome"])
JOURNAL_EFFECTS = Counter(
    "shannon_journal_effects", "Journaled effects: performed, replayed or failed.", ["kind", "outcome"]
)
