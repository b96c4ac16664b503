"""Saving a result in a file: what follows another skill's work, or the whole work when the text is given."""

import re
from typing import Final

from agents.llm.offline.conversation import MARKER, Turn
from agents.llm.offline.skills.base import Skill, WantedCall, failure_sentence
from agents.llm.offline.wording import quoted_texts
from agents.llm.offline.workspace import FILE_NAME

WRITE: Final = "file_write"
_SAVE: Final = re.compile(r"\b(?:save|store|write|put|export|create|record)\b", re.IGNORECASE)
_TARGET: Final = re.compile(
    (
        rf"\b(?:to|into|in|as|named|called|file)\s+(?:the |a "
        rf"|an )?(?:new )?(?:text )?(?:file )?(?:named |called )?[\"'`“]?(?P<path>{FILE_NAME.pattern})"
    ),
    re.IGNORECASE,
)
_GIVEN: Final = re.compile(
    (
        r"\b(?:with(?: the)?(?: following)? (?:text|content|contents|words?|line)|containing|that says"
        r"|saying|whose content is)\s*:?\s*(?P<text>\S.*)$"
    ),
    re.IGNORECASE | re.DOTALL,
)


class GivenTextSavingSkill(Skill):
    """Writes a text that stands in the request, or what earlier results say, into a file."""

    name = "saving a text"

    def fits(self, turn: Turn) -> bool:
        """Whether a file is to be written and the text for it is there."""
        return saving_path(turn) is not None and _content(turn) is not None

    def calls(self, turn: Turn) -> tuple[WantedCall, ...]:
        """The file."""
        path = saving_path(turn)
        if path is None or WRITE not in turn.tools:
            return ()
        return (WantedCall(WRITE, {"path": path, "content": _content(turn) or ""}),)

    def answer(self, turn: Turn) -> str:
        """Whether it was written."""
        return saved_sentence(turn)


def saving_path(turn: Turn) -> str | None:
    """Return the file that the instruction wants written; None if it wants none."""
    saving = _SAVE.search(turn.instruction)
    if saving is None:
        return None
    found = _TARGET.search(turn.instruction, saving.end())
    if found is None:
        return None
    return found["path"]


def saved_sentence(turn: Turn) -> str:
    """Return one sentence on how writing the file went."""
    path = saving_path(turn)
    observations = turn.observed(WRITE)
    if not observations:
        return f"It was to be saved as `{path}`, but the tool `file_write` was not offered to me."
    if not observations[-1].ok:
        return f"It could not be saved as `{path}`. {failure_sentence(observations[-1])}"
    return f"Saved as `{path}`."


def _content(turn: Turn) -> str | None:
    given = _GIVEN.search(turn.instruction)
    quoted = [text for text in quoted_texts(turn.instruction) if not FILE_NAME.fullmatch(text)]
    if given:
        inside = [text for text in quoted if text in given["text"]]
        target = _TARGET.search(given["text"])
        bare = given["text"][: target.start()] if target else given["text"]
        return (inside[0] if inside else bare.strip(" .\"'`")) + "\n"
    if quoted and re.search(
        r"\b(?:save|store|write|put|record)\s+(?:the (?:text|words?|line|sentence)\s+)?[\"'“`]",
        turn.instruction,
        re.IGNORECASE,
    ):
        return quoted[0] + "\n"
    if turn.dependencies:
        return (
            re.sub(
                r"</?result[^>]*>\n?|^" + re.escape(MARKER) + r".*\n?", "", turn.dependencies, flags=re.MULTILINE
            ).strip()
            + "\n"
        )
    return None
