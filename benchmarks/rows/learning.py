"""A recorded history of outcomes, replayed by the router with what it learned and without."""

from benchmarks.bench import Bench
from benchmarks.report import Row
from tests.routing.replaying import history, replayed


def learning_rows(_: Bench) -> list[Row]:
    """Compare tokens at the same rate of right answers; see decision 0034 for how the history was recorded."""
    recorded = history()
    found, blind = replayed(recorded), replayed([one for one in recorded if one.strategy != "chain_of_thought"])
    without, learned = found.without, found.learned
    return [
        Row(
            key="learning",
            name="router that learned from a replayed history, against one that did not: tokens a request",
            unit="tokens",
            ours=learned.tokens,
            ours_min=learned.tokens,
            ours_max=learned.tokens,
            reference_name="without learning",
            reference=without.tokens,
            ratio=learned.tokens / without.tokens,
            runs=without.requests,
            note=f"right answers {learned.right:.0%} and {without.right:.0%}, score {learned.score:.2f} and "
            f"{without.score:.2f}, {learned.seconds:.2f} s and {without.seconds:.2f} s, ${learned.cost_usd:.5f} and "
            f"${without.cost_usd:.5f}; another choice for {found.changed} of {without.requests}. "
            f"Without chain_of_thought in the history: right answers {blind.learned.right:.0%} and "
            f"{blind.without.right:.0%}, tokens {blind.learned.tokens:,.0f} and {blind.without.tokens:,.0f}",
        )
    ]
