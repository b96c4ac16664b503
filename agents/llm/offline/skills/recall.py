"""Questions about what was before: in this conversation, or in the memory of earlier tasks."""

import re
from typing import Any, Final

from agents.llm.offline.conversation import Turn
from agents.llm.offline.skills.base import Skill, WantedCall, failure_sentence
from agents.llm.offline.wording import shortened

MEMORY: Final = "memory_search"
_ASKS: Final = re.compile(
    r"\b(?:remember(?:ed)?|recall|last time|earlier (?:task|work|answer|result"
    r"|question|conversation|today)s?|previous(?:ly)?"
    r"|before(?: now)?\?|(?:what|which|when) (?:did|have|were|was) (?:i|we|you)\b"
    r"|we (?:talked|spoke|discussed|found|computed)"
    r"|(?:did|have) (?:i|we|you) (?:ever |already )?(?:ask|say|tell|talk|find|comput"
    r"|discuss|stud|look)\w*|you (?:said|told|found))",
    re.IGNORECASE,
)
_OWN_QUESTION: Final = re.compile(
    r"\bwhat (?:did|have|was|were) (?:i|my)\b[^?.]*\b(?:ask|say|said|question|request|write|wrote|tell|told)\w*",
    re.IGNORECASE,
)
_COMMON: Final = re.compile(
    r"\b(?:what|which|when|who|did|do|does|have|has|had|was|were|is|are|i|we|you|me|my"
    r"|our|the|a|an|of|in|on|to|about|for|that|it"
    r"|remember|recall|last|time|earlier|previous|previously|before|ask|asked|say"
    r"|said|tell|told|please|can|could|find|found"
    r"|task|tasks|question|answer|result|results)\b",
    re.IGNORECASE,
)
_MAX_HITS: Final = 5
_NEAR_ENOUGH: Final = 0.2  # cosine similarity of static embeddings; below it texts share nothing but small words


class RecallSkill(Skill):
    """Looks in the conversation when it was asked about itself, else in the memory."""

    name = "recall"

    def fits(self, turn: Turn) -> bool:
        """Whether the question is about something earlier."""
        return bool(_ASKS.search(turn.instruction))

    def calls(self, turn: Turn) -> tuple[WantedCall, ...]:
        """A search by the question's own words, unless the conversation answers it."""
        if MEMORY not in turn.tools or _from_conversation(turn):
            return ()
        words = " ".join(re.sub(r"[^\w\s.%-]", " ", _COMMON.sub(" ", turn.instruction)).split())
        return (WantedCall(MEMORY, {"query": words or turn.instruction[:500]}),)

    def answer(self, turn: Turn) -> str:
        """What was found, or that nothing was."""
        from_conversation = _from_conversation(turn)
        if from_conversation:
            return from_conversation
        observations = turn.observed(MEMORY)
        if not observations:
            return "There is nothing earlier in this conversation, and no memory was offered to me to search."
        if not observations[-1].ok:
            return failure_sentence(observations[-1])
        hits = [hit for hit in _hits(observations[-1].output) if float(hit.get("score") or 1) >= _NEAR_ENOUGH]
        if not hits:
            return "I searched the memory of earlier tasks and found nothing that is close to this."
        lines = "\n".join(_line(hit) for hit in hits[:_MAX_HITS])
        return f"This is what the memory of earlier tasks holds about it, the nearest first:\n\n{lines}"


def _line(hit: dict[str, Any]) -> str:
    """Return a memory, with a warning before one that people call wrong."""
    content = shortened(str(hit.get("content", "")), 600)
    if hit.get("rating") != "bad":
        return f"- {content}"
    comment = shortened(str(hit.get("comment") or ""), 200)
    return f"- (called wrong{': ' + comment if comment else ''}) {content}"


def _from_conversation(turn: Turn) -> str:
    asked = [text for role, text in turn.history if role == "user"]
    if not asked or not _OWN_QUESTION.search(turn.instruction):
        return ""
    lines = "\n".join(f"{number}. {shortened(text, 300)}" for number, text in enumerate(asked, start=1))
    return f"In this conversation you asked, oldest first:\n\n{lines}"


def _hits(output: Any) -> list[dict[str, Any]]:
    found = output.get("memories", output.get("results", [])) if isinstance(output, dict) else output
    return [hit for hit in found if isinstance(hit, dict)] if isinstance(found, list) else []
