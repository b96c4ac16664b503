"""A recorded history of outcomes, replayed: what the router chooses with what it learned, and without.

Every request was carried out by several strategies, so what would have become of another choice is known, not guessed.
Each variant of the requests is judged by a router that learned from the other variants only.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from orchestration.strategies import OFFERED, Record, lesson_of, route

FILE: Final = Path(__file__).with_name("outcomes.json")
KNOWN: Final = frozenset(OFFERED)


@dataclass(frozen=True, slots=True)
class PastOutcome:
    """How a strategy fared on a request. `score` is what the platform learns from, `is_right` what a checker says."""

    query: str
    variant: int
    strategy: str
    score: float
    is_right: bool
    tokens: int
    cost_usd: float
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return it as the file has it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Totals:
    """The means over all requests of a replay."""

    requests: int
    right: float
    score: float
    tokens: float
    cost_usd: float
    seconds: float

    @classmethod
    def of(cls, chosen: Sequence[PastOutcome]) -> "Totals":
        """Return the means of what was chosen."""
        return cls(
            len(chosen),
            fmean(one.is_right for one in chosen),
            fmean(one.score for one in chosen),
            fmean(one.tokens for one in chosen),
            fmean(one.cost_usd for one in chosen),
            fmean(one.seconds for one in chosen),
        )


@dataclass(frozen=True, slots=True)
class Replayed:
    """A history replayed without and with learning, and how many choices were other ones."""

    without: Totals
    learned: Totals
    changed: int


def history() -> list[PastOutcome]:
    """Return the recorded outcomes."""
    return [PastOutcome(**one) for one in json.loads(FILE.read_text())]


def replayed(outcomes: Sequence[PastOutcome]) -> Replayed:
    """Replay: each variant with what the others taught."""
    by_choice = {(one.query, one.strategy): one for one in outcomes}
    plain: list[PastOutcome] = []
    taught: list[PastOutcome] = []
    for variant in sorted({one.variant for one in outcomes}):
        records = _records(one for one in outcomes if one.variant != variant)
        for query in dict.fromkeys(one.query for one in outcomes if one.variant == variant):
            routed = route(query, KNOWN)
            own = routed.candidates[0] if routed.candidates else routed.strategy
            seen = [record for record in records[routed.cluster] if (query, record.strategy) in by_choice]
            lesson = lesson_of(routed, seen, KNOWN)
            if (query, own) not in by_choice:
                continue  # the history was recorded without the strategy that the router would take
            plain.append(by_choice[query, own])
            taught.append(by_choice[query, lesson.strategy if lesson else own])
    changed = sum(one is not other for one, other in zip(plain, taught, strict=True))
    return Replayed(Totals.of(plain), Totals.of(taught), changed)


def _records(outcomes: Iterable[PastOutcome]) -> dict[str, list[Record]]:
    """Return what the platform's table would hold, by cluster."""
    found: dict[tuple[str, str], list[PastOutcome]] = defaultdict(list)
    for one in outcomes:
        found[route(one.query, KNOWN).cluster, one.strategy].append(one)
    records: dict[str, list[Record]] = defaultdict(list)
    for (cluster, strategy), listed in found.items():
        means = Totals.of(listed)
        records[cluster].append(Record(strategy, len(listed), means.score, means.tokens, means.cost_usd, means.seconds))
    return records
