"""Work on a text: counting, changing, extracting, summarising; by a program in the sandbox."""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from agents.llm.offline.conversation import Turn
from agents.llm.offline.planner.parts import focus_in
from agents.llm.offline.programs import program
from agents.llm.offline.skills.base import Skill, WantedCall, program_result
from agents.llm.offline.wording import quoted_texts, without_quoted
from agents.llm.offline.workspace import FILE_NAME

PYTHON: Final = "python"
_HOW_MANY: Final = r"(?:how many|count|number of|word count|tally)"
_OPERATIONS: Final[tuple[tuple[str, str, re.Pattern[str]], ...]] = tuple(
    (name, label, re.compile(pattern, re.IGNORECASE))
    for name, label, pattern in (
        (
            "words",
            "words",
            rf"{_HOW_MANY}[^.?!]{{0,200}}\bwords\b|\bword count\b|\bwords? and\b.*\bcount\b|\blength in words\b",
        ),
        (
            "characters",
            "characters",
            rf"{_HOW_MANY}[^.?!]{{0,200}}\bcharacters\b|\bcharacter count\b|\blength of the text\b",
        ),
        ("letters", "letters", rf"{_HOW_MANY}[^.?!]{{0,200}}\bletters\b"),
        ("vowels", "vowels", rf"{_HOW_MANY}[^.?!]{{0,200}}\bvowels\b"),
        ("sentences", "sentences", rf"{_HOW_MANY}[^.?!]{{0,200}}\bsentences\b|\bsentence count\b"),
        ("lines", "lines", rf"{_HOW_MANY}[^.?!]{{0,200}}\blines\b|\bline count\b"),
        ("uppercase", "in upper case", r"\bupper[- ]?case\b|\bcapital letters\b|\bcapitali[sz]e all\b|\ball caps\b"),
        ("lowercase", "in lower case", r"\blower[- ]?case\b"),
        ("title_case", "in title case", r"\btitle[- ]case\b"),
        ("reversed", "reversed", r"\brevers(?:e|ed)\b|\bbackwards?\b"),
        ("sorted", "sorted", r"\bsort(?:ed)?\b|\balphabetical(?:ly)?\b"),
        ("unique", "without duplicates", r"\bunique\b|\bdistinct\b|\bduplicates?\b|\bdeduplicate\b"),
        ("emails", "e-mail addresses", r"\be-?mail(?: address(?:es)?|s)?\b"),
        ("urls", "links", r"\b(?:urls?|links?|web addresses)\b"),
        ("numbers", "numbers", r"\b(?:extract|find|list|get|pull out)\b[^.?!]{0,200}\bnumbers\b"),
        (
            "frequent_words",
            "most frequent words",
            r"\b(?:most (?:frequent|common|used)|top)\b[^.?!]{0,200}\bwords\b|\bword frequenc",
        ),
        (
            "summary",
            "summary (the three weightiest sentences)",
            r"\bsummar(?:y|i[sz]e|i[sz]ing)\b|\btl;?dr\b|\bkey points\b",
        ),
    )
)
_AFTER_COLON: Final = re.compile(r":\s*(?P<text>\S.*)$", re.DOTALL)
_DEPENDS: Final = re.compile(r"</?result[^>]*>|^#+ .*$|^\[offline model\].*$", re.MULTILINE)
_TABLE_WORDS: Final = re.compile(r"\.(?:csv|tsv)\b|\brows?\b|\bcolumns?\b", re.IGNORECASE)
_EXTRACTING: Final = {
    "emails": r"extract|find|list|get|which|what|any",
    "urls": r"extract|find|list|get|which|what|any",
}


@dataclass(frozen=True, slots=True)
class _Task:
    operations: tuple[str, ...]
    path: str | None
    text: str | None


class TextWorkSkill(Skill):
    """Runs one program that does all that was asked of the text."""

    name = "text work"

    def fits(self, turn: Turn) -> bool:
        """Whether something is asked that can be done to a text, and there is a text or a file of one."""
        return _task(turn) is not None

    def calls(self, turn: Turn) -> tuple[WantedCall, ...]:
        """One program."""
        task = _task(turn)
        if task is None or PYTHON not in turn.tools:
            return ()
        spec = {"operations": list(task.operations), "path": task.path, "text": task.text}
        return (WantedCall(PYTHON, {"code": program("text_work", spec=spec)}),)

    def answer(self, turn: Turn) -> str:
        """One line for each operation."""
        observations = turn.observed(PYTHON)
        if not observations:
            return "This is work on a text, for which I need the tool `python`; it was not offered to me."
        result, failure = program_result(observations[-1])
        if result is None:
            return failure
        task = _task(turn)
        of = f" of `{task.path}`" if task is not None and task.path else ""
        labels = {name: label for name, label, _ in _OPERATIONS}
        results: dict[str, Any] = result.get("results") or {}
        return "\n".join(f"- {labels[name]}{of}: {_shown(value)}" for name, value in results.items())


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) if value else "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} ({count})" for key, count in value.items()) or "none"
    if isinstance(value, str):
        return f"\n\n{value}\n" if len(value) > 120 or "\n" in value else f"**{value}**"
    return f"**{json.dumps(value)}**"


def _task(turn: Turn) -> _Task | None:
    focus, instruction = focus_in(turn.instruction)
    asked = without_quoted(instruction)
    text = _inline_text(instruction)
    if text:
        asked = asked.replace(text, " ")
    operations = tuple(name for name, _, pattern in _OPERATIONS if pattern.search(asked) and _is_meant(name, asked))
    if not operations:
        return None
    path = _path(turn, focus, asked)
    if text and not (path and path in text):
        return _Task(operations, None, text)
    if path:
        return None if _is_table_question(path, operations) else _Task(operations, path, None)
    if turn.dependencies:
        return _Task(operations, None, _DEPENDS.sub("", turn.dependencies).strip())
    return None


def _is_meant(operation: str, asked: str) -> bool:
    needed = _EXTRACTING.get(operation)
    return needed is None or bool(re.search(rf"\b(?:{needed})\b", asked, re.IGNORECASE))


def _inline_text(instruction: str) -> str | None:
    quoted = [text for text in quoted_texts(instruction) if not FILE_NAME.fullmatch(text)]
    if quoted:
        return "\n".join(quoted) if len(quoted) > 1 else quoted[0]
    after = _AFTER_COLON.search(instruction)
    return after["text"].strip() if after and not FILE_NAME.fullmatch(after["text"].strip(" .`")) else None


def _path(turn: Turn, focus: str | None, asked: str) -> str | None:
    if focus and FILE_NAME.fullmatch(focus):
        return focus
    named = FILE_NAME.search(re.sub(r"\b(?:to|into|as) (?:the |a )?(?:file )?\S+\.\w+", " ", asked))
    if named:
        return named.group()
    texts = [file.path for file in turn.files if not file.is_table]
    speaks_of_file = re.search(r"\b(?:the|this|my|that) (?:text )?(?:file|document|text)\b", asked, re.IGNORECASE)
    return texts[0] if len(texts) == 1 and speaks_of_file else None


def _is_table_question(path: str, operations: tuple[str, ...]) -> bool:
    """A table is counted and sorted by the statistics of tables, unless its text itself is meant."""
    return bool(_TABLE_WORDS.search(path)) and not {"words", "characters", "lines", "emails", "urls"} & set(operations)
