"""What a call used, as budgets, metrics and events take it."""

from decimal import Decimal
from typing import Any, Final

from agents.context import StepContext
from agents.llm.errors import ModelUsage
from agents.llm.paying import amount_of, purchase_of
from agents.metrics import MODEL_COST_USD, MODEL_SAVED_USD, MODEL_TOKENS
from policy.services import budget_charge
from policy.types import Settlement
from shannon_project.config.catalogue import TOKENS_PER_PRICE, ModelPrice

_LOST_POSITIONS_FROM: Final = 1_000_000_000  # above every place in a journal, below Postgres' largest integer
_LOST_POSITIONS_EACH: Final = 1_000  # attempts of a step that one place in the journal can tell apart


def usage_json(used: ModelUsage) -> dict[str, Any]:
    """Return what events and errors say of it."""
    return {
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "cost_usd": None if used.cost_usd is None else str(used.cost_usd),
        "is_estimate": used.is_estimate,
    }


def lost_charge(ctx: StepContext, position: int, lost: ModelUsage, model: str) -> None:
    """Charge what came to nothing, under a key of its own: the step's next attempt reserves under this one anew.

    It is never refused, even beyond a limit, because that money is gone.
    """
    attempt = min(ctx.attempt, _LOST_POSITIONS_EACH - 1)
    budget_charge(
        tenant_id=ctx.principal.tenant_id,
        step_id=ctx.step_id,
        position=_LOST_POSITIONS_FROM + position * _LOST_POSITIONS_EACH + attempt,
        budgets=ctx.budgets,
        amount=amount_of(lost),
        purchase=purchase_of(ctx, lost, model),
        is_spent=True,
    )


def settlement_of(ctx: StepContext, position: int, used: ModelUsage, model: str) -> Settlement:
    """Return what a call cost for which money was set aside."""
    return Settlement(ctx.step_id, position, amount_of(used), purchase_of(ctx, used, model))


def usage_count(used: ModelUsage, model: str, price: ModelPrice | None) -> None:
    """Count tokens, cost, and what the provider's cache spared: its tokens at the plain price, less what they cost."""
    for kind, tokens in (
        ("prompt", used.prompt_tokens),
        ("completion", used.completion_tokens),
        ("cache_read", used.cache_read_tokens),
        ("cache_write", used.cache_write_tokens),
    ):
        MODEL_TOKENS.labels(model=model, kind=kind).inc(tokens)
    MODEL_COST_USD.labels(model=model).inc(float(used.cost_usd or 0))
    cached_usd = None if price is None else price.cache_read_usd_per_million_tokens
    if price is not None and cached_usd is not None and used.cache_read_tokens:
        spared = (price.input_usd_per_million_tokens - cached_usd) * used.cache_read_tokens / TOKENS_PER_PRICE
        MODEL_SAVED_USD.labels(kind="provider").inc(float(max(Decimal(0), spared)))
