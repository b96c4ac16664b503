"""Splits a request that names several things: list lines, files, names."""

import re
from collections.abc import Sequence
from typing import Final

from agents.llm.offline.measures import is_measure_list
from agents.llm.offline.planner.parts import Part, focused_part, part_of, refers_back
from agents.llm.offline.wording import listed_names
from agents.llm.offline.workspace import FILE_NAME, WorkspaceFile

_LINE: Final = re.compile(
    r"^\s*(?:[-*•]|\(?\d{1,2}[.)]|\(?[a-h][.)]|step \d{1,2}\s*[:.)-])\s+(?P<text>\S.*)$", re.IGNORECASE
)
_INLINE: Final = re.compile(r"(?:^|(?<=[\s:;,]))\(?(?P<number>\d{1,2})[.)]\s+(?=\S)")
_IN_ORDER: Final = re.compile(
    r"\bin (?:this|that|the following|the given) order|step by step|one after (?:the other|another)|these steps|steps:"
    r"|^\s*step \d",
    re.IGNORECASE | re.MULTILINE,
)
_TARGET: Final = re.compile(
    r"(?:\bto|\binto|\bas|\bnamed|\bcalled)\s+(?:the |a )?(?:new )?(?:file )?[\"'`“]?$", re.IGNORECASE
)

_VERBS: Final = (
    r"compare|contrast|rank|evaluate|assess|analy[sz]e|research|summari[sz]e"
    r"|describe|explain|review|investigate|profile"
)
_STOP: Final = (
    r"(?=\s+(?:on|by|in|at|for|as|with|using|from|over|regarding|according|based"
    r"|under|to|when|where|if|is|are|who|which|what"
    r"|and (?:tell|say|recommend|decide|give|show|rank|pick|choose|write|make|explain|summari[sz]e))\b|\s*[:.;?!(]|$)"
)
_NAMED: Final = (
    re.compile(rf"\b(?:{_VERBS})\s+(?P<names>[^:.;?!]+?){_STOP}", re.IGNORECASE),
    re.compile(
        rf"\b(?:differences?|comparison|trade-?offs?|choice|choose|decide)\s+(?:between|of)\s+(?P<names>.+?){_STOP}",
        re.IGNORECASE,
    ),
    re.compile(rf"(?P<names>\S+(?: \S+)? (?:vs\.?|versus) \S+(?: \S+)?){_STOP}", re.IGNORECASE),
)
_AFTER_PREPOSITION: Final = re.compile(rf"\b(?:for|of|about|in|on)\s+(?:each of\s+)?(?P<names>[A-Z].+?){_STOP}")


def listed_lines(query: str, _files: Sequence[WorkspaceFile], _max_parts: int) -> list[Part]:
    """Split at the lines of a numbered or bulleted list, or at `1. … 2. …` within a line."""
    lines = query.splitlines()
    found = [(position, match["text"]) for position, line in enumerate(lines) if (match := _LINE.match(line))]
    if len(found) >= 2:
        preface = " ".join(line.strip() for line in lines[: found[0][0]] if line.strip())
        return _list_parts(preface, [text for _, text in found], in_order=bool(_IN_ORDER.search(query)))
    preface, items = _inline_items(query)
    return _list_parts(preface, items, in_order=bool(_IN_ORDER.search(query))) if len(items) >= 2 else []


def _inline_items(query: str) -> tuple[str, list[str]]:
    marks = list(_INLINE.finditer(query))
    if [int(mark["number"]) for mark in marks] != list(range(1, len(marks) + 1)) or len(marks) < 2:
        return query, []
    ends = [mark.start() for mark in marks[1:]] + [len(query)]
    return query[: marks[0].start()].strip(), [query[m.end() : end].strip() for m, end in zip(marks, ends, strict=True)]


def _list_parts(preface: str, items: Sequence[str], *, in_order: bool) -> list[Part]:
    parts = []
    lead = preface.rstrip(" :")
    for position, item in enumerate(items):
        follows = position > 0 and (in_order or bool(re.match(r"then\b", item, re.IGNORECASE)) or refers_back(item))
        text = re.sub(r"^then,?\s+", "", item, flags=re.IGNORECASE)
        part = part_of(text, (position - 1,) if follows else ())
        carries_context = len(lead.split()) > 3 and not _IN_ORDER.search(lead)
        parts.append(Part(part.title, f"{lead}: {text}", part.after) if carries_context else part)
    return parts


def named_files(query: str, _files: Sequence[WorkspaceFile], _max_parts: int) -> list[Part]:
    """One part for each of several files that are read; a file that is written to is not one of them."""
    names = [found.group() for found in FILE_NAME.finditer(query) if not _TARGET.search(query[: found.start()])]
    names = list(dict.fromkeys(names))
    return [focused_part(name, query) for name in names] if len(names) >= 2 else []


def named_things(query: str, _files: Sequence[WorkspaceFile], _max_parts: int) -> list[Part]:
    """One part for each name of an enumeration: `compare A, B and C`, `the difference between A and B`, `A vs B`."""
    for pattern in _NAMED:
        for found in pattern.finditer(query):
            names = _without_lead(listed_names(found["names"]))
            if names and not is_measure_list(names):
                return [focused_part(name, query) for name in names]
    for found in _AFTER_PREPOSITION.finditer(query):
        names = listed_names(found["names"])
        if names and all(name[:1].isupper() for name in names) and not is_measure_list(names):
            return [focused_part(name, query) for name in names]
    return []


def _without_lead(names: list[str]) -> list[str]:
    """Drop what stands before the first of several proper names: `the languages Python, Go` is about Python and Go."""
    if len(names) < 2 or not all(name[:1].isupper() for name in names[1:]):
        return names
    capital = re.search(r"\b[A-Z].*$", names[0])
    return [capital.group(), *names[1:]] if capital else names
