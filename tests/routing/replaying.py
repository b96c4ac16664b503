"""A recorded history of outcomes, replayed: what the router chooses with what it learned, and without.

Every request was carried out by several strategies, so what would have become of another choice is known, not guessed.
Each variant of the requests is routed by a router that learned from the other variants only. Of a share of the answers
somebody says whether they are right, and may err.
"""

import hashlib
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


@dataclass(frozen=True, slots=True)
class People:
    """Who says whether answers are right: of which share of them, and how often they err; both from 0 to 1."""

    share: float
    errs: float = 0.0

    def score_of(self, one: PastOutcome) -> float | None:
        """Return what is said of an answer, the same whenever it is asked; None: nothing."""
        if _lot("asked", one) >= self.share:
            return None
        return float(one.is_right is not (_lot("errs", one) < self.errs))


def _lot(what: str, one: PastOutcome) -> float:
    """Return a number from 0 to below 1 that is an answer's own."""
    digest = hashlib.sha256(f"{what} {one.strategy} {one.query}".encode()).digest()
    return int.from_bytes(digest[:4]) / 2**32


def replayed(outcomes: Sequence[PastOutcome], people: People) -> Replayed:
    """Replay: each variant with what the others taught, and with what people said of them."""
    by_choice = {(one.query, one.strategy): one for one in outcomes}
    plain: list[PastOutcome] = []
    taught: list[PastOutcome] = []
    for variant in sorted({one.variant for one in outcomes}):
        records = _records((one for one in outcomes if one.variant != variant), people)
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


def _records(outcomes: Iterable[PastOutcome], people: People) -> dict[str, list[Record]]:
    """Return what the platform's table would hold, by cluster."""
    found: dict[tuple[str, str], list[PastOutcome]] = defaultdict(list)
    for one in outcomes:
        found[route(one.query, KNOWN).cluster, one.strategy].append(one)
    records: dict[str, list[Record]] = defaultdict(list)
    for (cluster, strategy), listed in found.items():
        means = Totals.of(listed)
        said = [people.score_of(one) for one in listed]
        score = fmean(one.score if word is None else word for one, word in zip(listed, said, strict=True))
        judged = sum(word is not None for word in said)
        records[cluster].append(
            Record(strategy, len(listed), score, means.tokens, means.cost_usd, means.seconds, judged)
        )
    return records
