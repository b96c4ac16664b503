"""Splits a request over the groups of a table: one part for each company, country, station …"""

import re
from collections.abc import Sequence
from typing import Final

from agents.llm.offline.measures import measures_in
from agents.llm.offline.planner.parts import TITLE_MAX_CHARACTERS, Part, focused_part
from agents.llm.offline.wording import NUMBER_WORDS, shortened
from agents.llm.offline.workspace import FILE_NAME, WorkspaceFile

_KINDS: Final = (
    frozenset({"symbol", "ticker", "company", "stock", "share", "firm", "corporation"}),
    frozenset({"country", "nation", "state", "region"}),
    frozenset({"city", "town", "place", "location", "station", "site"}),
    frozenset({"product", "item", "article", "model", "brand"}),
    frozenset({"person", "employee", "customer", "name", "student", "player"}),
    frozenset({"category", "type", "kind", "group", "class", "weather"}),
)
_COUNTED: Final = re.compile(
    rf"\b(?P<count>{'|'.join(NUMBER_WORDS)}|\d{{1,2}})\s+(?:\w+\s+)?(?P<noun>[a-z]+)\b", re.IGNORECASE
)
_WHICH: Final = re.compile(r"\b(?:which|what|whose)\s+(?:of the\s+)?(?:\w+\s+)??([a-z]+)\b", re.IGNORECASE)
_EACH: Final = re.compile(
    r"\b(?:each|every|per|for all|all|all of)(?:\s+(?:of|the|these|those|single|different))*\s+(?P<noun>[a-z]+)\b"
    r"|\b(?:compare|rank|contrast)\s+(?:(?:the|these|those|all)\s+)?(?P<compared>[a-z]+)(?:\s+(?P<compared_too>[a-z]+))?\b"
    r"|\b(?P<by>[a-z]+) by (?P=by)\b",
    re.IGNORECASE,
)


def table_groups(query: str, files: Sequence[WorkspaceFile], max_parts: int) -> list[Part]:
    """One part for each distinct value of a table's text column, when the request speaks of each of them."""
    named = {found.group() for found in FILE_NAME.finditer(query)}
    tables = [file for file in files if file.path in named] or list(files)
    for file in tables:
        for column, values in file.distinct.items():
            wanted = _wanted_values(query, column, values)
            if len(wanted) >= 2:
                return _parts(query, file, column, wanted, max_parts)
    return []


def _wanted_values(query: str, column: str, values: Sequence[str]) -> list[str]:
    mentioned = column_values_named(query, values)
    if mentioned:
        return mentioned  # one group is no reason to split, the caller sees to that
    return list(values) if groups_meant(query, column, values) else []


def column_values_named(text: str, values: Sequence[str]) -> list[str]:
    """Return the values of a column that a text names as they are written in the table."""
    return [value for value in values if re.search(rf"(?<![\w.]){re.escape(value)}(?!\w)", text)]


def groups_meant(text: str, column: str, values: Sequence[str]) -> bool:
    """Return whether a text speaks of all groups of a column: `the five companies`, `each station`, `by symbol`."""
    for found in _COUNTED.finditer(text):
        word = found["count"].lower()
        count = NUMBER_WORDS.get(word) or int(word)
        if count == len(values) >= 2 and _is_kind_of(found["noun"], column):
            return True
    nouns = [noun for found in _EACH.finditer(text) for noun in found.groups() if noun]
    return any(_is_kind_of(noun, column) for noun in nouns)


def kind_named(text: str, column: str) -> bool:
    """Return whether a text speaks of what a column holds, in the singular or plural: `which company`."""
    return any(_is_kind_of(word, column) for word in re.findall(r"[A-Za-z]+", text))


def kind_asked_for(text: str, column: str) -> bool:
    """Return whether a text asks which of the groups it is: `which company`, `what weather type`."""
    return any(_is_kind_of(found.group(1), column) for found in _WHICH.finditer(text))


def _is_kind_of(noun: str, column: str) -> bool:
    noun = _singular(noun.lower())
    names = {_singular(word) for word in re.split(r"[\W_]+", column.lower())} | {_singular(column.lower())}
    return noun in names or any(noun in kind and names & kind for kind in _KINDS)


def _singular(word: str) -> str:
    word = word.rstrip("'").removesuffix("'s")
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _parts(query: str, file: WorkspaceFile, column: str, values: list[str], max_parts: int) -> list[Part]:
    measures = measures_in(query)
    if not measures:
        return [focused_part(value, query) for value in values[:max_parts]]
    size = -(-len(values) // max_parts)
    chunks = [values[start : start + size] for start in range(0, len(values), size)]
    asked = "; ".join(measure.definition for measure in measures)
    period = "by month" if re.search(r"\bmonth", query, re.IGNORECASE) else ""
    numbers = [
        name for name in file.columns if name != column and re.search(rf"\b{re.escape(name)}s?\b", query, re.IGNORECASE)
    ]
    of = f" of the column {' and '.join(numbers)}" if numbers else ""
    names = ", ".join(measure.name.replace("_", " ") for measure in measures)
    return [
        Part(
            shortened(f"{' and '.join(chunk)}: {names}", TITLE_MAX_CHARACTERS),
            f"In {file.path}, take only the rows whose {column} is {_or(chunk)}. Compute{of} {period}: {asked}. "
            "Use Python on the file, do not guess; hand back every number with its unit.".replace("  ", " "),
        )
        for chunk in chunks
    ]


def _or(values: list[str]) -> str:
    return " or ".join(f'"{value}"' for value in values)
