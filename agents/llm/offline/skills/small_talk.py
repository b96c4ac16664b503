"""What needs no tool: a greeting, a sentence to repeat, a fact that the person told a moment ago."""

import re
from typing import Final

from agents.llm.offline.conversation import Turn
from agents.llm.offline.skills.base import Skill

_TOLD: Final = re.compile(
    r"\b(?:my|our) (?P<what>[a-z][a-z -]{1,30}?) (?:is"
    r"|are) (?P<value>[^.,;!?\n]{1,80})|\bcall me (?P<name>[^.,;!?\n]{1,40})",
    re.IGNORECASE,
)
_ASKED: Final = re.compile(
    r"\b(?:what(?:'s| is| are| was| were)|who(?:'s| is)|where(?:'s| is)|do you (?:know|remember)"
    r"|tell me|recall) (?:my|our) (?P<what>[a-z][a-z -]{1,30}?)\s*[?.!]*$"
    r"|\b(?P<who>who am i)\b",
    re.IGNORECASE,
)
_GREETING: Final = re.compile(
    r"^\s*(?:hi|hello|hey|good (?:morning|afternoon|evening)|greetings|thanks?(?: you)?)\b[^?]{0,40}$", re.IGNORECASE
)
_WHO: Final = re.compile(
    r"\b(?:who|what) are you\b|\bwhat can you do\b|\bwhich model are you\b|\btools (?:do |can )?you (?:have|use)\b"
    r"|^\s*help\s*[.!?]?$",
    re.IGNORECASE,
)
_REPEAT: Final = re.compile(
    r"^\s*(?:please\s+)?(?:say|reply(?: only)?(?: with)?|respond(?: only)?(?: with)?"
    r"|answer(?: only)?(?: with)?|echo|repeat(?: after me)?)"
    r"\s*(?:exactly|the words?|the text)?\s*[:,]?\s+(?P<text>\S.{0,400})$",
    re.IGNORECASE | re.DOTALL,
)
_NOT_REPEATED: Final = re.compile(
    r"^(?:to|the (?:question|following)|what|why|how|who|when|where|in|me)\b", re.IGNORECASE
)

WHAT_I_CAN: Final = (
    "I am a set of rules, not a language model. I can calculate, compute statistics "
    "of CSV files, count, sort, change, extract "
    "from and summarise texts, run Python that you give me, list, read and write "
    "files of the workspace, and search what "
    "earlier tasks found. For anything else, configure a real model with `SHANNON_MODEL`."
)


class ToldFactSkill(Skill):
    """Answers `what is my …?` from the conversation, and acknowledges `my … is …`."""

    name = "told fact"

    def fits(self, turn: Turn) -> bool:
        """Whether a fact is asked for or told."""
        return bool(_ASKED.search(turn.instruction)) or _is_telling(turn.instruction)

    def answer(self, turn: Turn) -> str:
        """The fact, as it was told last."""
        facts = _facts(turn)
        asked = _ASKED.search(turn.instruction)
        if asked is None:
            told = "; ".join(f"your {what} is {value}" for what, value in _facts_in(turn.instruction).items())
            return f"Noted: {told}. I can tell you as long as this conversation goes on."
        what = "name" if asked["who"] else asked["what"].lower().strip()
        if what in facts:
            return f"Your {what} is **{facts[what]}**; you said so earlier in this conversation."
        return f"You have not told me your {what} in this conversation, so I do not know it."


class GreetingSkill(Skill):
    """Says what it is."""

    name = "greeting"

    def fits(self, turn: Turn) -> bool:
        """Whether it is a greeting, or the question what this is."""
        return bool(_GREETING.search(turn.instruction) or _WHO.search(turn.instruction))

    def answer(self, turn: Turn) -> str:
        """Who answers here."""
        del turn
        return f"Hello. {WHAT_I_CAN}"


class RepeatSkill(Skill):
    """Repeats what it is told to say."""

    name = "repeat"

    def fits(self, turn: Turn) -> bool:
        """Whether something is to be said word for word."""
        return _to_repeat(turn) is not None

    def answer(self, turn: Turn) -> str:
        """The words."""
        return _to_repeat(turn) or ""


def _is_telling(instruction: str) -> bool:
    return "?" not in instruction and len(instruction.split()) <= 20 and bool(_TOLD.search(instruction))


def _facts(turn: Turn) -> dict[str, str]:
    facts: dict[str, str] = {}
    for role, text in turn.history:
        if role == "user":
            facts.update(_facts_in(text))
    return facts


def _facts_in(text: str) -> dict[str, str]:
    return {
        ("name" if found["name"] else found["what"].lower().strip()): (found["name"] or found["value"]).strip()
        for found in _TOLD.finditer(text)
    }


def _to_repeat(turn: Turn) -> str | None:
    found = _REPEAT.match(turn.instruction)
    if found is None or _NOT_REPEATED.match(found["text"]):
        return None
    return found["text"].strip().strip("\"'“”`") or None
