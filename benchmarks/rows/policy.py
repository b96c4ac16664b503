"""A decision of the policies in this process: by Rego, and from memory."""

import time
from statistics import quantiles

from benchmarks.bench import Bench
from benchmarks.report import Row, spread
from policy.services import decide
from policy.types import Action

DECISIONS = 2_000
WARM_UP = 50
UNCACHED_TARGET_US = 200.0
CACHED_TARGET_US = 10.0


def policy_rows(bench: Bench) -> list[Row]:
    """Ask about a model call: each time about another model, at which policies look, then each time the same."""
    principal, count = bench.principal(), bench.scaled(DECISIONS)

    def decision_us(number: int) -> float:
        resource = {
            "model": f"offline/agent-{number}",
            "provider": "offline",
            "tier": "small",
            "purpose": "agent",
            "prompt_tokens": 1_000,
            "max_output_tokens": 1_024,
        }
        started = time.perf_counter()
        decision = decide(principal=principal, action=Action.MODEL_CALL, resource=resource)
        elapsed = time.perf_counter() - started
        if not decision.is_allowed:
            raise RuntimeError(f"the policies refuse: {decision.reason}")
        return elapsed * 1e6

    uncached = [decision_us(number) for number in range(count + WARM_UP)][WARM_UP:]
    cached = [decision_us(0) for _ in range(count + WARM_UP)][WARM_UP:]
    return [
        _row("policy-uncached", "policy decision, not asked before", uncached, UNCACHED_TARGET_US),
        _row("policy-cached", "policy decision, asked before", cached, CACHED_TARGET_US),
    ]


def _row(key: str, name: str, values_us: list[float], target_us: float) -> Row:
    middle, low, high = spread(values_us)
    return Row(
        key=key,
        name=name,
        unit="µs",
        ours=middle,
        ours_min=low,
        ours_max=high,
        target=f"p50 ≤ {target_us:.0f} µs",
        met=middle <= target_us,
        runs=len(values_us),
        note=f"p99 {quantiles(values_us, n=100)[98]:.0f} µs",
    )
