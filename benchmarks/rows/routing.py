"""Choosing a strategy: what it costs when no model is asked, and how often it is right on the labelled requests."""

import time
from statistics import quantiles

from django.conf import settings

from benchmarks.bench import Bench
from benchmarks.report import Row, spread
from orchestration.choosing import ROUTED, strategy_choose
from orchestration.strategies import route
from orchestration.wishes import Wishes
from policy.types import Principal
from tests.routing.test_accuracy import REQUESTS, table

TARGET_MS = 5.0
ROUNDS = 5


def routing_rows(bench: Bench) -> list[Row]:
    """Choose for every labelled request, several times; then once more with the records of a tenant asked."""
    principal = bench.principal()
    sure = [query for queries in REQUESTS.values() for query in queries if not route(query, ROUTED).is_unsure]
    plain = _timed(principal, sure)
    settings.SHANNON_ROUTER_LEARNS = True
    try:
        learning = _timed(principal, sure)
    finally:
        settings.SHANNON_ROUTER_LEARNS = False
    return [
        _cost("routing", "choosing a strategy, no model asked", plain, len(sure)),
        _cost("routing-learns", "the same with the tenant's records looked up", learning, len(sure)),
        _accuracy(),
    ]


def _timed(principal: Principal, queries: list[str]) -> list[float]:
    took: list[float] = []
    for number in range(ROUNDS + 1):
        for query in queries:
            started = time.perf_counter()
            strategy_choose(query, Wishes(), tenant_id=principal.tenant_id)
            if number:  # the first round warms up
                took.append((time.perf_counter() - started) * 1000)
    return took


def _cost(key: str, name: str, took: list[float], count: int) -> Row:
    p50, least, most = spread(took)
    return Row(
        key=key,
        name=name,
        unit="ms",
        ours=p50,
        ours_min=least,
        ours_max=most,
        target=f"p50 ≤ {TARGET_MS:.0f} ms",
        met=p50 <= TARGET_MS,
        runs=len(took),
        note=f"{count} labelled requests, each {ROUNDS} times; p99 {quantiles(took, n=100)[98]:.2f} ms",
    )


def _accuracy() -> Row:
    rows = table()
    shares = {label: right / count for label, (right, _, count) in rows.items()}
    right, unsure, count = (sum(column) for column in zip(*rows.values(), strict=True))
    listed = ", ".join(f"{label} {rows[label][0]}/{rows[label][2]}" for label in rows)
    return Row(
        key="routing-accuracy",
        name="labelled requests for which the right strategy is chosen, or offered to the model that is asked",
        unit="%",
        ours=100 * right / count,
        ours_min=100 * min(shares.values()),
        ours_max=100 * max(shares.values()),
        runs=count,
        note=f"{listed}; a model is asked for {unsure} of {count}",
    )
