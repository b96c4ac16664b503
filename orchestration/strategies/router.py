"""Chooses a strategy by a cheap local estimate of the request. Pure; no model is asked.

Each signal is a form or a wording with the strategy that it speaks for and its points. A strategy's score is the sum of
its points, 1 at most. The highest from `CHOSEN_FROM` on is chosen; below that one agent will do. Where two are close,
or one falls just short, the router says that it is unsure, and a small model decides.

What a request needs (files, pages, programs) takes points from strategies whose thoughts have no tools. Its form, the
signals and needs that were found, names the cluster of requests that fare alike (`strategies/learning.py`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

CHOSEN_FROM: Final = 0.5
UNSURE_FROM: Final = 0.4
CLOSE: Final = 0.1
WITHOUT_TOOLS: Final = frozenset({"chain_of_thought", "debate"})
"""Strategies no step of which may call a tool."""
TOOLLESS_LOSES: Final = 0.3
LONG_WORDS: Final = 100
SHORT_WORDS: Final = 12
CLUSTER_MAX_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a request looks like before anything is asked: its length, its parts, and what it needs.

    `needs`: of `data` (a file that it names, or a table or list of numbers in it), `program`, `web`, and `files`, where
    its session has some.
    """

    words: int
    clauses: int
    needs: tuple[str, ...]

    @property
    def size(self) -> str:
        """`short`, `medium` or `long`."""
        return "short" if self.words <= SHORT_WORDS else "medium" if self.words <= LONG_WORDS else "long"

    def as_json(self) -> dict[str, Any]:
        """Return it as the first event tells it."""
        return {"words": self.words, "clauses": self.clauses, "needs": list(self.needs)}


@dataclass(frozen=True, slots=True)
class Route:
    """A strategy's name, its score from 0 to 1, why, and every strategy that has points.

    `is_unsure`: the first of `candidates` is only the estimate's preference. `cluster`: the request's form, the same
    for requests that are alike to the router.
    """

    strategy: str
    score: float
    reasons: tuple[str, ...]
    scores: Mapping[str, float]
    estimate: Estimate
    cluster: str
    is_unsure: bool = False
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Signal:
    """A wording, the strategy for which it speaks, how much, and in words. `least`: how often it must be found."""

    strategy: str
    points: float
    reason: str
    pattern: re.Pattern[str]
    least: int = 1


def _words(text: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{text})\b", re.IGNORECASE)


_GAP: Final = r"(?:\W{1,3}\w{1,20}){0,4}?\W{1,3}"
SIGNALS: Final = (
    Signal(
        "dag",
        0.5,
        "asks for the same work on several things",
        _words(r"compare|versus|vs|contrast|each|every|respectively|per (?:file|city|team|country|product)"),
    ),
    Signal(
        "dag",
        0.5,
        "lists several items",
        re.compile(r"^[ \t]{0,20}(?:[-*•]|\d{1,3}[.)])[ \t]{1,20}\S", re.MULTILINE),
        least=2,
    ),
    Signal(
        "dag",
        0.3,
        "names several things",
        re.compile(r"(?<![\w.&'-])[\w.&'-]{1,60}(?:, [\w.&'-]{1,60}){1,30},? (?:and|or) [\w.&'-]"),
    ),
    Signal(
        "dag",
        0.5,
        "has several steps in sequence",
        re.compile(r"\b(?:and then|then|afterwards|after that|finally|next,)\b|;", re.IGNORECASE),
    ),
    Signal("dag", 0.2, "asks several questions", re.compile(r"\?"), least=2),
    Signal("dag", 0.2, "is long", re.compile(r".{600}", re.DOTALL)),
    Signal(
        "chain_of_thought",
        0.7,
        "is a puzzle or a proof",
        _words(
            r"puzzle|riddle|prove|proof|paradox|logically|think (?:it |this |carefully )?(?:through|step by step)|"
            r"step[- ]by[- ]step reasoning|reason (?:it )?(?:through|step by step|carefully)|liar|truth-?teller"
        ),
    ),
    Signal(
        "chain_of_thought",
        0.5,
        "asks for a deduction",
        _words(rf"if all{_GAP}are|who (?:is lying|owns|sits)|can we conclude|deduce|infer"),
    ),
    Signal(
        "react",
        0.7,
        "is to be found out turn by turn",
        _words(
            rf"investigate|diagnose|troubleshoot|debug|track down|find out (?:why|what|where|which)|root cause|"
            rf"figure out (?:why|what)|look{_GAP}and decide what to (?:look at|check) next"
        ),
    ),
    Signal(
        "reflection",
        0.7,
        "is to be judged and improved",
        _words(
            rf"(?:improve|revise|refine|polish|rewrite|rework) it|critique (?:it|your|the draft)|review your own|"
            rf"until it is (?:good|perfect|excellent)|self-critique|publication[- ]quality|second draft|"
            rf"draft{_GAP}(?:critique|revise|improve|refine)|check your (?:own )?(?:work|draft)"
        ),
    ),
    Signal(
        "debate",
        0.7,
        "is to be argued from several sides",
        _words(
            r"debate|pros and cons|for and against|both sides|opposing views|devil's advocate|"
            r"arguments? (?:for|against)|council|panel of experts|different perspectives"
        ),
    ),
    Signal(
        "debate", 0.5, "asks what should be done", re.compile(r"^\W{0,3}(?:should|ought)\b[^?]{1,300}\?", re.IGNORECASE)
    ),
    Signal(
        "tree_of_thoughts",
        0.7,
        "asks to explore several ways",
        _words(
            rf"explore{_GAP}(?:approaches|options|alternatives|ways|designs|solutions|possibilities|paths)|"
            rf"(?:several|different|multiple|many|alternative) (?:approaches|designs|strategies|solutions|ways)|"
            rf"brainstorm|best of several|search (?:for|through) (?:the best|possible)|consider (?:all )?alternatives"
        ),
    ),
    Signal(
        "supervisor",
        0.7,
        "is to be led and planned again",
        _words(
            rf"depending on what (?:you|they) find|re-?plan|delegate|adapt the plan|coordinate|supervise|"
            rf"as you learn more|follow up on (?:whatever|what)|adjust{_GAP}as (?:results|findings)"
        ),
    ),
    Signal(
        "swarm",
        0.7,
        "asks for a team of roles",
        _words(
            rf"swarm|team of (?:agents|specialists|experts)|work(?:ing)? as a team|"
            rf"(?:writer|analyst|critic|developer|researcher|designer|tester)s?{_GAP}and a? ?"
            rf"(?:writer|analyst|critic|developer|researcher|designer|tester)|roles? (?:of|for)|collaborat\w{{1,6}}"
        ),
    ),
    Signal(
        "research",
        0.7,
        "asks for research with sources",
        _words(
            r"research|literature|with (?:sources|citations|references)|cite|state of the art|survey of|"
            r"what is known about|latest (?:evidence|findings|studies)|market analysis|due diligence"
        ),
    ),
)


_CLAUSE: Final = re.compile(r"[.!?;\n]+|,? \b(?:and|then|but|so that|because)\b", re.IGNORECASE)
_NEEDS: Final[Mapping[str, re.Pattern[str]]] = {
    "data": re.compile(
        r"\b[\w-]{1,60}\.(?:csv|json|jsonl|tsv|xlsx?|txt|md|pdf|parquet|log)\b|(?<!\d)(?:\d{1,20}[,;\t ]{1,5}){7}\d",
        re.IGNORECASE,
    ),
    "program": re.compile(
        r"```|\b(?:run|execute|write and run) (?:this|the|a|some)? ?(?:python|code|program|script)\b", re.IGNORECASE
    ),
    "web": re.compile(r"https?://\S|\b(?:on the web|online|web ?site|web ?page|look it up)\b", re.IGNORECASE),
}


def estimate_of(query: str) -> Estimate:
    """Return what a request looks like; linear in its length."""
    clauses = sum(bool(part.strip()) for part in _CLAUSE.split(query))
    needs = tuple(name for name, pattern in _NEEDS.items() if pattern.search(query))
    return Estimate(len(query.split()), max(clauses, 1), needs)


def route(query: str, known: frozenset[str], *, has_files: bool = False) -> Route:
    """Return the strategy for a request that named none.

    Args:
        query: The request.
        known: Strategies that may be chosen.
        has_files: Whether there are files that it may be about; the cluster is of its words alone.
    """
    said = estimate_of(query)
    estimate = replace(said, needs=(*said.needs, "files")) if has_files else said
    scores, reasons, found = _scored(query, known, estimate)
    cluster = "; ".join([*found, *(f"needs {need}" for need in said.needs), said.size])[:CLUSTER_MAX_CHARACTERS]
    ordered = sorted(scores, key=lambda name: (-scores[name], name))
    best = ordered[0] if ordered else "simple"
    top = scores.get(best, 0.0)
    close = [name for name in ordered[1:] if top - scores[name] < CLOSE and scores[name] >= CHOSEN_FROM]
    if top >= CHOSEN_FROM:
        why, offered = tuple(reasons[best]), (best, *close, "simple")
        return Route(best, top, why, scores, estimate, cluster, is_unsure=bool(close), candidates=offered)
    why = tuple(reasons.get(best, ())) or ("one agent can answer this",)
    if top >= UNSURE_FROM:
        return Route("simple", top, why, scores, estimate, cluster, is_unsure=True, candidates=("simple", best))
    return Route("simple", top, why, scores, estimate, cluster)


def _scored(
    query: str, known: frozenset[str], estimate: Estimate
) -> tuple[dict[str, float], dict[str, list[str]], list[str]]:
    """Return points and reasons by strategy, and the signals that were found."""
    scores: dict[str, float] = {}
    reasons: dict[str, list[str]] = {}
    found = [signal for signal in SIGNALS if signal.strategy in known and _is_found(signal, query)]
    for signal in found:
        scores[signal.strategy] = min(1.0, round(scores.get(signal.strategy, 0.0) + signal.points, 2))
        reasons.setdefault(signal.strategy, []).append(signal.reason)
    if estimate.needs:
        for name in WITHOUT_TOOLS & set(scores):
            scores[name] = max(0.0, round(scores[name] - TOOLLESS_LOSES, 2))
            reasons[name].append(f"but needs {', '.join(estimate.needs)}, and its thoughts have no tools")
    return scores, reasons, [f"{signal.strategy}: {signal.reason}" for signal in found]


def _is_found(signal: Signal, query: str) -> bool:
    if signal.least == 1:
        return signal.pattern.search(query) is not None
    return len(signal.pattern.findall(query)) >= signal.least
