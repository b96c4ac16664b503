"""Chains, arguments and thoughts: the request is taken apart by the planner's rules and answered by the skills."""

import re
from typing import Any, Final

from agents.llm.offline.forms.asked import BY_RULES, Asked, marked, plain_answer, worked_out
from agents.llm.offline.forms.quality import judged
from agents.llm.offline.planner.plans import plan_made
from agents.llm.offline.wording import shortened

_STANCE: Final = re.compile(r"You stand for: (?P<stance>.+?)\. This is round (?P<round>\d+)", re.DOTALL)
_SO_FAR: Final = re.compile(r"^\d+\. (?P<line>.+)$", re.MULTILINE)
_WAYS: Final = (
    "Do the parts one by one: {parts}",
    "Begin with what decides the rest: {first}",
    "Work back from what is asked: {query}",
    "Look for what could make the obvious answer wrong: {query}",
    "Compare with the simplest case: {last}",
)


def _parts(query: str) -> list[str]:
    plan = plan_made(query, files=(), tools=(), max_parts=5)
    return [shortened(subtask["title"], 100) for subtask in plan["subtasks"]]


def chain(asked: Asked) -> dict[str, Any]:
    """Name the parts of the request, then answer."""
    most = asked.number(r"at most (\d+) thoughts", 5)
    answer = plain_answer(asked.query)
    thoughts = [f"{BY_RULES}: asked is “{shortened(asked.query, 160)}”."]
    parts = _parts(asked.query)
    thoughts += [f"Part {number}: {part}." for number, part in enumerate(parts, start=1)] if len(parts) > 1 else []
    thoughts += [f"Worked out: {line}" for line in worked_out(asked.query).splitlines()]
    score, _ = judged(asked.query, answer)
    return {
        "thoughts": [shortened(line, 480) for line in thoughts[:most]],
        "answer": marked(answer),
        "confidence": score,
    }


def argument(asked: Asked) -> dict[str, Any]:
    """Argue for a stance; what can be worked out is every side's position."""
    found = _STANCE.search(asked.task)
    stance = " ".join(found["stance"].split()) if found else "the request as it stands"
    result = worked_out(asked.query)
    # what is worked out is in bold print, and so is a position as a whole
    position = (
        result.replace("**", "").replace("\n", "; ") if result else f"On “{shortened(asked.query, 200)}”: {stance}"
    )
    score, _ = judged(asked.query, result or asked.query)
    others = [other for other in asked.results if other.succeeded]
    parts = [f"{BY_RULES}: this side stands for {stance}.", result or plain_answer(asked.query)]
    if others:
        parts.append(f"The round before had {len(others)} positions: " + "; ".join(f"{one.id}" for one in others) + ".")
    return {"position": shortened(position, 480), "argument": "\n\n".join(parts), "confidence": round(score * 0.8, 2)}


def thoughts(asked: Asked) -> dict[str, Any]:
    """Give ways to go on; the first is complete when the request can be worked out."""
    wanted = asked.number(r"Give (\d+) ways", 3)
    parts, query = _parts(asked.query), shortened(asked.query, 160)
    depth = len(_SO_FAR.findall(asked.task))
    result = worked_out(asked.query)
    ways = [{"thought": f"It can be worked out: {result} ({BY_RULES})", "is_final": True}] if result else []
    for way in (*_WAYS[depth % len(_WAYS) :], *_WAYS[: depth % len(_WAYS)]):
        text = way.format(parts="; ".join(parts), first=parts[0], last=parts[-1], query=query)
        ways.append({"thought": f"{text} ({BY_RULES})", "is_final": False})
    return {"thoughts": ways[: min(max(wanted, 1), 8)]}
