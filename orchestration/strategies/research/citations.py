"""Citation marks of a report: [2], several in one bracket, or as links; and links to sources. Pure."""

import re
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import quote

_MARK: Final = re.compile(r"\[(\d{1,3})\](?:\(\s*<?https?://[^)\s]*\))?")
_SEVERAL: Final = re.compile(r"\[\s*(\d{1,3}(?:\s*[,;–-]\s*\d{1,3})+)\s*\]")
_RANGE: Final = re.compile(r"(\d+)\s*[–-]\s*(\d+)")
_RANGE_MOST: Final = 20
_IN_LINKS: Final = re.compile(r"([\\\[\]`<>])")
_ENDS_LINKS: Final = re.compile(r"[()<>\[\]\\\s]")


def marks_told_apart(text: str, known: Collection[str]) -> str:
    """Return a text in which every mark stands alone: `[1, 3]` and `[2-4]` as [1][3] and [2][3][4], links as marks.

    A bracket that names no source at all, as in an interval of mathematics, stays as it is.
    """

    def apart(found: re.Match[str]) -> str:
        numbers = _numbers(found.group(1))
        if "0" in numbers or not any(number in known for number in numbers):
            return found.group(0)
        return "".join(f"[{number}]" for number in numbers)

    return _MARK.sub(lambda found: f"[{found.group(1)}]", _SEVERAL.sub(apart, text))


def marks_in(text: str, known: Collection[str]) -> list[str]:
    """Return the numbers of sources that a text cites, in the order in which they come."""
    return [number for number in dict.fromkeys(_MARK.findall(text)) if number in known]


def marks_renumbered(text: str, numbers: Mapping[str, str]) -> str:
    """Return a text with its marks by their new numbers; those that have none are left out."""
    return _MARK.sub(lambda found: f"[{numbers[found.group(1)]}]" if found.group(1) in numbers else "", text)


def link_to(title: str, url: str) -> str:
    """Return a Markdown link that leads nowhere else, whatever the page calls itself."""
    shown = _IN_LINKS.sub(r"\\\1", " ".join(title.split()))
    address = _ENDS_LINKS.sub(lambda found: quote(found.group(0)), url)
    return f"[{shown}]({address})"


def _numbers(inside: str) -> list[str]:
    """Return the numbers of a bracket; a range that is too long is its two ends."""

    def spelt_out(found: re.Match[str]) -> str:
        first, last = int(found.group(1)), int(found.group(2))
        whole = range(first, last + 1) if 0 <= last - first < _RANGE_MOST else (first, last)
        return ",".join(str(number) for number in whole)

    return [number.lstrip("0") or "0" for number in re.findall(r"\d+", _RANGE.sub(spelt_out, inside))]
