"""In which order the candidates of a tier are asked. Pure."""

import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from shannon_project.config.catalogue import CatalogueModel, ModelPrice, Selection

_NOT_KNOWN: Final = Decimal("Infinity")


def ordered(
    candidates: Sequence[CatalogueModel],
    select: Selection,
    *,
    price_of: Callable[[CatalogueModel], ModelPrice | None],
    latency_of: Callable[[CatalogueModel], float | None],
    prompt_tokens: int,
    output_tokens: int,
    draw: Callable[[], float] = random.random,
) -> tuple[CatalogueModel, ...]:
    """Return the candidates, first choice first; the others are what the call falls back to.

    Args:
        candidates: At least one.
        select: How; see `Selection`. Equal ones stay in the order written.
        price_of: The price of a model; None: unknown.
        latency_of: The measured p95 of a model in seconds; None: not measured, so it is tried first.
        prompt_tokens: Of this call; the price of the call decides, not that of a token.
        output_tokens: The most that it may answer.
        draw: A number from 0 to below 1, at random.
    """
    if select is Selection.COST:

        def cost(model: CatalogueModel) -> Decimal:
            price = price_of(model)
            if price is None:
                return _NOT_KNOWN
            return price.cost_usd(prompt_tokens=prompt_tokens, completion_tokens=output_tokens)

        return tuple(sorted(candidates, key=cost))
    if select is Selection.LATENCY:
        return tuple(sorted(candidates, key=lambda model: latency_of(model) or 0.0))
    if select is Selection.WEIGHT:
        # A draw to the power of 1 / weight sorts a sample without replacement (Efraimidis and Spirakis, 2006).
        return tuple(
            sorted(candidates, key=lambda model: draw() ** (1 / model.weight) if model.weight else -1.0, reverse=True)
        )
    return tuple(candidates)
