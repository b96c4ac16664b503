"""Which of a tier's models is asked first."""

import random
from collections.abc import Callable
from decimal import Decimal

from agents.llm.routing import ordered
from shannon_project.config.catalogue import CatalogueModel, ModelPrice, Selection
from tests.unit.agents.llm.routing.routes import model

PRICES = {"dear": Decimal(10), "cheap": Decimal(1)}


def order(select: Selection, *names: str, draw: Callable[[], float] = lambda: 0.5, **weights: int) -> list[str]:
    def price_of(found: CatalogueModel) -> ModelPrice | None:
        usd = PRICES.get(found.name)
        return None if usd is None else ModelPrice(input_usd_per_million_tokens=usd, output_usd_per_million_tokens=usd)

    models = [model(name, weight=weights.get(name, 1)) for name in names]
    latencies = {"slow": 2.0, "fast": 0.5}
    found = ordered(
        models,
        select,
        price_of=price_of,
        latency_of=lambda known: latencies.get(known.name),
        prompt_tokens=10,
        output_tokens=10,
        draw=draw,
    )
    return [entry.name for entry in found]


def test_candidates_are_asked_in_the_order_that_the_tier_says() -> None:
    assert order(Selection.ORDER, "dear", "cheap") == ["dear", "cheap"]
    assert order(Selection.COST, "unknown", "dear", "cheap") == ["cheap", "dear", "unknown"]
    assert order(Selection.LATENCY, "slow", "fast", "new") == ["new", "fast", "slow"]
    assert order(Selection.WEIGHT, "never", "light", "heavy", never=0, light=1, heavy=9) == ["heavy", "light", "never"]


def test_weights_are_shares() -> None:
    firsts = [order(Selection.WEIGHT, "light", "heavy", light=1, heavy=3, draw=random.random)[0] for _ in range(2_000)]

    assert 0.68 < firsts.count("heavy") / 2_000 < 0.82
