"""What is learned from outcomes: how good an outcome was, and when another strategy is to be taken. Pure.

Requests of one cluster (`Route.cluster`) are taken for alike. The router's own choice is left only on evidence: both
it and the other strategy have been seen often enough on such requests, the other one did better, or as well for
clearly less, and people have called its answers good: an answer that is wrong and looks right would teach the wrong
thing. Nothing is tried out on a tenant's requests: evidence comes from modes that requests named, from choices of the
small model, and from degradations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from orchestration.strategies.router import Route

LEAST_RUNS: Final = 5  # of each of the two strategies
LEAST_JUDGED: Final = 3  # of the runs of the one that would be taken instead
BETTER_BY: Final = 0.05  # of a score from 0 to 1
AS_GOOD_WITHIN: Final = 0.01
CHEAPER_THAN: Final = 0.8  # of the tokens, and for no more dollars
_BY_PEOPLE: Final = frozenset({"POLICY_DENIED", "APPROVAL_DENIED", "PLAN_REJECTED", "TASK_CANCELLED"})
_UNFINISHED_SCORE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Record:
    """How a strategy fared on the requests of a cluster: runs, and the means of score, tokens, cost and time.

    `judged`: of how many of the runs a person said how good the answer was; there that counts as the score.
    """

    strategy: str
    runs: int
    score: float
    tokens: float
    cost_usd: float
    seconds: float
    judged: int = 0


@dataclass(frozen=True, slots=True)
class Lesson:
    """A strategy that fared better than the one that the router would take, and why in words."""

    strategy: str
    instead_of: str
    reason: str


def outcome_score(*, completed: bool, metadata: Mapping[str, Any], error: Mapping[str, Any] | None) -> float | None:
    """Return how good an outcome was from 0 to 1; None where it says nothing about the strategy.

    A task that did not end with an answer scores 0. An answer scores 1, less where the strategy itself says so: by the
    critic's score, the share of subtasks that failed, the share of claims that were not supported, a half where it had
    to answer at its limit.
    """
    if not completed:
        return None if (error or {}).get("code") in _BY_PEOPLE else 0.0
    scores = metadata.get("scores")
    if scores:
        return float(scores[min(int(metadata.get("chosen_draft", 0)), len(scores) - 1)])
    if metadata.get("stopped") == "limit":
        return _UNFINISHED_SCORE
    if claims := metadata.get("claims"):
        supported = sum(1 for claim in claims if claim["verdict"] == "supported")
        return supported / len(claims)
    if failed := metadata.get("failed_subtasks"):
        return 1 / (1 + len(failed))
    return 1.0


def lesson_of(route: Route, records: Sequence[Record], known: frozenset[str]) -> Lesson | None:
    """Return the strategy that the cluster's records speak for; None: the router's choice stays.

    Args:
        route: The router's choice.
        records: Of the request's cluster, one for each strategy.
        known: Strategies that may be chosen.
    """
    seen = {record.strategy: record for record in records if record.runs >= LEAST_RUNS}
    own = seen.get(route.strategy)
    if own is None:
        return None
    others = [
        record
        for name, record in seen.items()
        if name != route.strategy and name in known and record.judged >= LEAST_JUDGED
    ]
    better = [record for record in others if record.score >= own.score + BETTER_BY or _is_as_good_for_less(record, own)]
    if not better:
        return None
    best = max(better, key=lambda record: (record.score >= own.score + BETTER_BY, record.score, -record.tokens))
    reason = (
        f"on such requests {best.strategy} scored {best.score:.2f} with {best.tokens:,.0f} tokens in {best.runs} runs "
        f"({best.judged} judged by people), {own.strategy} {own.score:.2f} with {own.tokens:,.0f} in {own.runs}"
    )
    return Lesson(best.strategy, own.strategy, reason)


def _is_as_good_for_less(record: Record, own: Record) -> bool:
    is_as_good = record.score >= own.score - AS_GOOD_WITHIN
    return is_as_good and record.tokens <= own.tokens * CHEAPER_THAN and record.cost_usd <= own.cost_usd
