"""What splitting gives: the parts of a request."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from agents.llm.offline.wording import shortened
from agents.llm.offline.workspace import WorkspaceFile

TITLE_MAX_CHARACTERS: Final = 60
_FOCUS: Final = re.compile(r'^Do this for "(?P<name>[^"]+)" only[^:]*: ?(?P<request>.*)$', re.DOTALL)
_REFERS_BACK: Final = re.compile(
    r"\b(?:the (?:result|results|answer|output|outcome|sum|product|total|number"
    r"|text|list)|that (?:number|result|text|list)"
    r"|the previous|the above|its? result|it|them|these|those|both results|all results)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a request; `after` holds the positions of the parts whose results it needs."""

    title: str
    instruction: str
    after: tuple[int, ...] = ()


SplittingRule = Callable[[str, Sequence[WorkspaceFile], int], list[Part]]


def part_of(text: str, after: tuple[int, ...] = ()) -> Part:
    """Return a part whose title is the beginning of its text."""
    cleaned = text.strip(" ,;")
    cleaned = cleaned[:1].upper() + cleaned[1:]
    return Part(shortened(cleaned.rstrip(".?!"), TITLE_MAX_CHARACTERS), cleaned, after)


def focused_part(name: str, request: str) -> Part:
    """Return the part that does the request for one name alone."""
    request = " ".join(request.split())
    title = shortened(f"{name}: {request}", TITLE_MAX_CHARACTERS)
    return Part(title, f'Do this for "{name}" only, the others are worked on elsewhere: {request}')


def focus_in(instruction: str) -> tuple[str | None, str]:
    """Return the name that an instruction is limited to and the request itself; None and all of it without one."""
    found = _FOCUS.match(instruction)
    return (found["name"], found["request"]) if found else (None, instruction)


def refers_back(text: str) -> bool:
    """Return whether a clause speaks of what an earlier one found."""
    return bool(_REFERS_BACK.search(text))
