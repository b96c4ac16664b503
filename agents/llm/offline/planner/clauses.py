"""Splits a request at its clauses: `…; …`, `… and then …`, several questions, several commands."""

import re
from collections.abc import Sequence
from typing import Final

from agents.llm.offline.planner.parts import Part, part_of, refers_back
from agents.llm.offline.wording import sentences
from agents.llm.offline.workspace import WorkspaceFile

_SEAM: Final = re.compile(
    r"\s*;\s*(?P<semicolon_then>(?:and\s+)?then,?\s+)?(?:and\s+)?"
    r"|(?P<then>,?\s+and then,?\s+|[,.]\s+then,?\s+|,?\s+then,?\s+"
    r"|[.,]\s+(?:and\s+)?(?:after that|afterwards|after this|next|finally),?\s+)",
    re.IGNORECASE,
)
_CONDITIONAL: Final = re.compile(r"\b(?:if|when|unless)\b[^.;]*\bthen\b", re.IGNORECASE)
COMMANDS: Final = (
    r"add|analy[sz]e|calculate|capitali[sz]e|compute|convert|count|create|describe|divide|double|draw|estimate|evaluate"
    r"|explain|extract|find|generate|give|halve|identify|list|make|measure|multiply|name|plot|print|read|recall|remember"
    r"|remove|replace|report|research|reverse|say|search|show|sort|square|subtract|sum|summari[sz]e|tell|translate"
    r"|uppercase|lowercase|work out"
)
_SAVING: Final = re.compile(r"^(?:please\s+)?(?:save|store|write|put|export)\b", re.IGNORECASE)
_COMMAND: Final = re.compile(rf"^(?:please\s+|also\s+)*(?:{COMMANDS}|save|store|write|put|export)\b", re.IGNORECASE)
_AND_COMMAND: Final = re.compile(
    rf"\s*,?\s+and\s+(?:also\s+)?(?=(?:{COMMANDS})\b)|\s*,\s+(?=(?:{COMMANDS})\b)", re.IGNORECASE
)
_IT: Final = re.compile(r"\bit\b", re.IGNORECASE)
_QUOTED: Final = re.compile(r"\"[^\"]*\"|“[^”]*”|(?<!\w)'[^'\n]*'(?!\w)|```.*?```", re.DOTALL)
_POINTS_AT_QUESTION: Final = re.compile(r"\b(?:it|they|them|its|their|that|he|she|his|her)\b", re.IGNORECASE)
_COMPARES_RESULTS: Final = re.compile(
    r"^(?:and\s+)?(?:who|which|what)\b.*\b(?:best|worst|most|least|highest|lowest)\b", re.IGNORECASE
)


def sequential_clauses(query: str, _files: Sequence[WorkspaceFile], _max_parts: int) -> list[Part]:
    """Split at semicolons (side by side, unless a clause needs the one before) and at `then` (one after the other)."""
    masked = _masked(query)
    if _CONDITIONAL.search(masked):
        return []
    parts: list[Part] = []
    start, follows = 0, False
    for seam in [*_SEAM.finditer(masked), None]:
        text = query[start : seam.start() if seam else len(query)].strip(" ,;")
        if len(text.split()) >= 2 and not (parts and _COMPARES_RESULTS.match(text)):
            needs_previous = bool(parts) and (follows or refers_back(text))
            parts.append(part_of(text, (len(parts) - 1,) if needs_previous else ()))
        if seam:
            start, follows = seam.end(), bool(seam["then"] or seam["semicolon_then"])
    return parts if len(parts) >= 2 else []


def several_questions(query: str, _files: Sequence[WorkspaceFile], _max_parts: int) -> list[Part]:
    """One part for each of several questions that do not speak of each other."""
    found = sentences(query)
    questions = [sentence for sentence in found if sentence.endswith("?")]
    if len(questions) < 2 or any(_POINTS_AT_QUESTION.search(question) for question in questions[1:]):
        return []
    context = " ".join(sentence for sentence in found if not sentence.endswith("?"))
    return [part_of(f"{context} {question}" if context else question) for question in questions]


def several_commands(query: str, _files: Sequence[WorkspaceFile], _max_parts: int) -> list[Part]:
    """One part for each command; one that saves the result stays with the command that makes it."""
    commands: list[str] = []
    for sentence in sentences(query):
        masked = _masked(sentence)
        starts = [0, *(seam.end() for seam in _AND_COMMAND.finditer(masked))]
        ends = [*(seam.start() for seam in _AND_COMMAND.finditer(masked)), len(sentence)]
        commands += [sentence[start:end] for start, end in zip(starts, ends, strict=True)]
    if len(commands) < 2 or not all(_COMMAND.match(command) for command in commands):
        return []
    parts: list[Part] = []
    for command in commands:
        follows = bool(parts) and refers_back(_masked(command))
        # `Count the words in 'x' and reverse it`: both are about x, so one agent does both.
        same_text = bool(parts) and bool(_QUOTED.search(parts[-1].instruction)) and bool(_IT.search(command))
        if follows and (_SAVING.match(command) or same_text):
            before = parts[-1]
            text = f"{before.instruction.rstrip('.')} and {command[:1].lower()}{command[1:]}"
            parts[-1] = Part(before.title, text, before.after)
        else:
            parts.append(part_of(command, (len(parts) - 1,) if follows else ()))
    return parts if len(parts) >= 2 else []


def _masked(text: str) -> str:
    """Return the text with quoted stretches blanked out, so that no seam is found in them; lengths stay."""
    return _QUOTED.sub(lambda found: "¤" * len(found.group()), text)
