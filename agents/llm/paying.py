"""What pays for a model call: money is set aside before it, in the dearest way that the budgets allow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from agents.context import Emit, StepContext
from agents.llm.books import Books
from agents.llm.choosing import Chosen
from agents.llm.errors import ModelUsage
from agents.llm.types import ModelTier
from policy.services import request_check
from policy.types import Amount, BudgetState, Degradation, Hold, Purchase, Reserving
from shannon_project.config.catalogue import CatalogueModel, ModelPrice

TIER_BELOW: Final[Mapping[str, str]] = {ModelTier.LARGE: ModelTier.MEDIUM, ModelTier.MEDIUM: ModelTier.SMALL}
SMALLER_OUTPUT_DIVISOR: Final = 4
SMALLEST_OUTPUT_TOKENS: Final = 256


@dataclass(frozen=True, slots=True)
class Way:
    """One way to make a call: by which models, how long its answer may be, and the most that it costs."""

    chosen: Chosen
    models: tuple[CatalogueModel, ...]
    max_output_tokens: int
    amount: Amount

    @property
    def model(self) -> CatalogueModel:
        """The first choice."""
        return self.models[0]


def way_of(
    chosen: Chosen,
    models: tuple[CatalogueModel, ...],
    *,
    prompt_tokens: int,
    max_output_tokens: int,
    price_of: Callable[[CatalogueModel], ModelPrice | None],
) -> Way:
    """Return a way with what it may cost at most.

    Without a price only the tokens can be held; the caller of an unpriced model relies on its token budget. Any of the
    models may answer in the end, so the dearest is what is held.
    """
    prices = [price for price in map(price_of, models) if price is not None]
    usd = max((_most_usd(price, prompt_tokens, max_output_tokens) for price in prices), default=Decimal(0))
    at_once = 2 if chosen.hedge_after_seconds is not None and len(models) > 1 else 1  # two may be asked, both are paid
    amount = Amount(tokens=(prompt_tokens + max_output_tokens) * at_once, usd=usd * at_once)
    return Way(chosen, models, max_output_tokens, amount)


def _most_usd(price: ModelPrice, prompt_tokens: int, max_output_tokens: int) -> Decimal:
    """Return the most that a call may cost: to put a prompt into the provider's cache may cost more than to read it."""
    plain = price.cost_usd(prompt_tokens=prompt_tokens, completion_tokens=max_output_tokens)
    written = price.cost_usd(
        prompt_tokens=prompt_tokens, completion_tokens=max_output_tokens, cache_write_tokens=prompt_tokens
    )
    return max(plain, written)


def shorter(max_output_tokens: int) -> int:
    """Return how long an answer may be when a budget wants answers shorter."""
    return min(max_output_tokens, max(SMALLEST_OUTPUT_TOKENS, max_output_tokens // SMALLER_OUTPUT_DIVISOR))


def way_reserve(
    ctx: StepContext,
    *,
    position: int,
    ways: Mapping[Degradation, Way],
    emit: Emit,
    books: Books,
    is_consented: bool = False,
    was_begun: bool = False,
) -> Way:
    """Set aside what a call may cost, and return how it is to be made. One statement.

    Tells (BUDGET_THRESHOLD) which budgets came to their warning threshold by it, and if it is made cheaper.

    Args:
        ctx: Whose step it is, and what pays.
        position: The call's place in the step's journal.
        ways: As it is asked, and how it would be cheaper.
        emit: Of the open transaction.
        books: Where it is written.
        is_consented: A person whom a budget wanted to be asked said yes.
        was_begun: An earlier attempt of the step began the call: nobody is asked about it now.

    Raises:
        BudgetExceeded: Not even the cheapest way that the budgets allow is covered.
        BudgetAsksPerson: A person is to be asked first.
    """
    asked = ways[Degradation.NONE]
    if ctx.request_limits.is_limited:
        request_check(limits=ctx.request_limits, asked=asked.amount, step_id=ctx.step_id, position=position)
    reserved = books.reserve(
        Reserving(
            tenant_id=ctx.principal.tenant_id,
            step_id=ctx.step_id,
            position=position,
            budgets=ctx.budgets,
            amount=asked.amount,
            cheaper={level: way.amount for level, way in ways.items() if level},
            purchase=Purchase(user_id=ctx.principal.user_id, task_id=ctx.paid_task_id, model=asked.model.name),
            is_consented=is_consented,
            was_begun=was_begun,
        )
    )
    threshold_tell(emit, reserved.crossed)
    way = next(ways[Degradation(level)] for level in range(reserved.level, -1, -1) if Degradation(level) in ways)
    if (way.model, way.max_output_tokens) != (asked.model, asked.max_output_tokens):
        emit("BUDGET_THRESHOLD", _cheaper_message(asked, way), _cheaper_payload(reserved.level, asked, way))
    return way


def threshold_tell(emit: Emit, crossed: Sequence[BudgetState]) -> None:
    """Tell of budgets that came to their warning threshold."""
    for budget in crossed:
        emit("BUDGET_THRESHOLD", f"Most of the budget of the {budget.scope} is used", budget.as_json())


def way_hold(ctx: StepContext, position: int, way: Way) -> Hold:
    """Return what is set aside for a call that is made in this way."""
    purchase = Purchase(user_id=ctx.principal.user_id, task_id=ctx.paid_task_id, model=way.model.name)
    return Hold(ctx.principal.tenant_id, ctx.step_id, position, ctx.budgets, way.amount, purchase)


def amount_of(used: ModelUsage) -> Amount:
    """Return what a call cost; a price that is not known counts as none."""
    return Amount(tokens=used.prompt_tokens + used.completion_tokens, usd=used.cost_usd or Decimal(0))


def purchase_of(ctx: StepContext, used: ModelUsage, model: str) -> Purchase:
    """Return what was bought, for the accounts."""
    return Purchase(
        user_id=ctx.principal.user_id,
        task_id=ctx.paid_task_id,
        model=model,
        prompt_tokens=used.prompt_tokens,
        completion_tokens=used.completion_tokens,
        is_price_known=used.cost_usd is not None,
        is_estimate=used.is_estimate,
    )


def _cheaper_message(asked: Way, way: Way) -> str:
    model = f"{way.model.name} answers instead of {asked.model.name}"
    output = f"the answer may have {way.max_output_tokens} tokens instead of {asked.max_output_tokens}"
    parts = [model] if way.model != asked.model else []
    parts += [output] if way.max_output_tokens != asked.max_output_tokens else []
    return f"To stay in the budget {' and '.join(parts)}"


def _cheaper_payload(level: Degradation, asked: Way, way: Way) -> dict[str, Any]:
    return {
        "degradation": level.name.lower(),
        "model": way.model.name,
        "asked_model": asked.model.name,
        "max_output_tokens": way.max_output_tokens,
        "asked_max_output_tokens": asked.max_output_tokens,
    }
