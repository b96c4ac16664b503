"""Formats that an agent's answer can be asked for, and whether an answer has it."""

import re
from typing import Final

from agents.loop.json_answers import json_in

FORMATS: Final = ("text", "json", "number", "list", "table")
MUST_FIT: Final = frozenset({"json", "number"})  # programs read these: an answer without the form is a failed step
_NUMBER: Final = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_LIST_LINE: Final = re.compile(r"^\s{0,8}(?:[-*•]|\d{1,3}[.)])\s+\S", re.MULTILINE)
_TABLE_RULE: Final = re.compile(r"^\s{0,4}\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*$", re.MULTILINE)
_TEXT: Final = {
    "json": "one JSON object or list and nothing else",
    "number": "one number, with its unit if it has one, and no other number",
    "list": "a Markdown list",
    "table": "a Markdown table",
}


def format_words(answer_format: str) -> str:
    """Return a format in words; empty for one that asks nothing."""
    return _TEXT.get(answer_format, "")


def format_problem(text: str, answer_format: str) -> str:
    """Return what is wrong with an answer's form, as a sentence; empty when nothing is."""
    fits = {
        "json": lambda: json_in(text)[0],
        "number": lambda: len(_NUMBER.findall(text)) == 1,
        "list": lambda: bool(_LIST_LINE.search(text)),
        "table": lambda: bool(_TABLE_RULE.search(text)),
    }.get(answer_format)
    return "" if fits is None or fits() else f"It must be {_TEXT[answer_format]}."
