"""A recorded history of outcomes, replayed by the router with what it learned and without."""

from benchmarks.bench import Bench
from benchmarks.report import Row
from tests.routing.replaying import PastOutcome, People, history, replayed

SHARES = (0.0, 0.25, 0.5, 1.0)


def learning_rows(_: Bench) -> list[Row]:
    """Compare tokens, by the share of answers of which people say whether they are right; see decision 0053."""
    recorded = history()
    found = replayed(recorded, People(1.0))
    without, learned = found.without, found.learned
    misleading = [one for one in recorded if one.strategy != "chain_of_thought"]
    return [
        Row(
            key="learning",
            name="router that learned from a replayed history with people's word, against one that did not",
            unit="tokens",
            ours=learned.tokens,
            ours_min=learned.tokens,
            ours_max=learned.tokens,
            reference_name="without learning",
            reference=without.tokens,
            ratio=learned.tokens / without.tokens,
            runs=without.requests,
            note=f"right answers {learned.right:.0%} and {without.right:.0%}, ${learned.cost_usd:.5f} and "
            f"${without.cost_usd:.5f}, {learned.seconds:.2f} s and {without.seconds:.2f} s. By the share of answers "
            f"that people judge: {_by_share(recorded)}. A misleading history: {_by_share(misleading)}",
        )
    ]


def _by_share(outcomes: list[PastOutcome]) -> str:
    told = []
    for share in SHARES:
        found = replayed(outcomes, People(share))
        told.append(f"{share:.0%}: {found.learned.tokens:,.0f} tokens, {found.learned.right:.0%} right")
    return "; ".join(told)
