"""Critique, verdict, ballot and scores: all by the same measure of quality."""

import re
from typing import Any, Final

from agents.llm.offline.forms.asked import BY_RULES, Asked, marked
from agents.llm.offline.forms.quality import judged
from agents.llm.offline.results import ListedResult, without_json

_LINE: Final = re.compile(r"^### (?P<id>[\d.]+)\n(?P<body>.*?)(?=^### |\Z)", re.MULTILINE | re.DOTALL)
ACCEPT_FROM: Final = 0.8


def critique(asked: Asked) -> dict[str, Any]:
    """Judge the one draft."""
    text = asked.results[0].text if asked.results else ""
    score, issues = judged(asked.query, text)
    verdict = "accept" if score >= ACCEPT_FROM else "revise"
    return {"score": score, "verdict": verdict, "issues": [f"{issue} ({BY_RULES})" for issue in issues]}


def _ranked(asked: Asked) -> list[tuple[float, ListedResult]]:
    done = [(judged(asked.query, result.text)[0], result) for result in asked.results if result.succeeded]
    return sorted(done, key=lambda item: (-item[0], item[1].id))


def verdict(asked: Asked) -> dict[str, Any]:
    """Let the best result win; its text is the answer."""
    ranked = _ranked(asked)
    if not ranked:
        return {"winner": "none", "reasons": [f"There is no result ({BY_RULES})."], "answer": marked("No result.")}
    score, best = ranked[0]
    reasons = [f"{BY_RULES}: {best.id} scores {score:.2f}, the most of {len(ranked)}."]
    reasons += [f"{result.id} scores {other:.2f}." for other, result in ranked[1:5]]
    return {"winner": best.id, "reasons": reasons, "answer": marked(without_json(best.text) or "(empty)")}


def ballot(asked: Asked) -> dict[str, Any]:
    """Rank all results."""
    ranked = [result.id for _, result in _ranked(asked)] or [result.id for result in asked.results] or ["none"]
    return {"ranking": ranked, "reason": f"{BY_RULES}: ranked by how much of the request each answers."}


def scores(asked: Asked) -> dict[str, Any]:
    """Score each line of thought; one that is worked out scores most."""
    found = [(line["id"], line["body"]) for line in _LINE.finditer(asked.sections.get("Lines of thought", ""))]
    found = found or [(result.id, result.text) for result in asked.results]
    return {
        "scores": [
            {"id": name, "score": judged(asked.query, body)[0], "reason": f"{BY_RULES}: what it says of the request."}
            for name, body in found[:40]
        ]
        or [{"id": "none", "score": 0.0, "reason": f"{BY_RULES}: there is nothing to score."}]
    }
