"""Chooses a strategy by a cheap local estimate of the request. Pure; no model is asked."""

import re
from dataclasses import dataclass

_LIST_ITEM = re.compile(r"^[ \t]{0,20}(?:[-*•]|\d{1,3}[.)])[ \t]{1,20}\S", re.MULTILINE)
_SEQUENCE = re.compile(r"\b(?:and then|then|afterwards|after that|finally|next,)\b|;", re.IGNORECASE)
_SPREAD = re.compile(r"\b(?:compare|versus|vs\.?|contrast|each|every|respectively|per)\b", re.IGNORECASE)
_NAMED_LIST = re.compile(r"(?<![\w.&'-])[\w.&'-]{1,60}(?:, [\w.&'-]{1,60}){1,30},? (?:and|or) [\w.&'-]")
DAG_FROM_SCORE = 0.5


@dataclass(frozen=True, slots=True)
class Route:
    """A strategy's name, the estimate from 0 (one call will do) to 1, and why."""

    strategy: str
    score: float
    reasons: tuple[str, ...]


def route(query: str) -> Route:
    """Return the strategy for a request that named none."""
    score = 0.0
    reasons: list[str] = []
    for points, reason, found in (
        (0.5, "asks for the same work on several things", bool(_SPREAD.search(query))),
        (0.5, "lists several items", len(_LIST_ITEM.findall(query)) >= 2),
        (0.3, "names several things", bool(_NAMED_LIST.search(query))),
        (0.5, "has several steps in sequence", len(_SEQUENCE.findall(query)) >= 1),
        (0.2, "is long", len(query) > 600),
        (0.2, "asks several questions", query.count("?") >= 2),
    ):
        if found:
            score += points
            reasons.append(reason)
    score = min(score, 1.0)
    if score >= DAG_FROM_SCORE:
        return Route("dag", score, tuple(reasons))
    return Route("simple", score, tuple(reasons) or ("one agent can answer this",))
