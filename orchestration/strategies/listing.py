"""The items of a list: of a JSON list, of one in a text, or the lines of a Markdown list. Pure."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

_LIST_LINE: Final = re.compile(r"^\s{0,8}(?:[-*•]|\d{1,3}[.)])\s+(.+)$", re.MULTILINE)
_MARK: Final = "[offline model]"
_TRIED: Final = 50  # brackets of a text at which a JSON list is looked for


def items_of(value: Any) -> list[str]:
    """Return a list's items as texts.

    Of a text that is the first JSON list in it; one of whole numbers alone, such as the citation mark [1], only where
    there is no Markdown list.
    """
    if isinstance(value, list):
        return [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in value]
    text = str(value or "")
    found = list(_json_lists(text))
    for each in found:
        if not all(isinstance(item, int) for item in each):
            return items_of(each)
    lines = [item.strip() for item in _LIST_LINE.findall(text)]
    return lines or (items_of(found[0]) if found else [])


def _json_lists(text: str) -> Iterator[list[Any]]:
    """Return the JSON lists in a text, none of them inside another."""
    decoder = json.JSONDecoder()
    start = text.find(_MARK) + len(_MARK) if _MARK in text else 0
    for _ in range(_TRIED):
        start = text.find("[", start)
        if start < 0:
            return
        try:
            found, start = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            start += 1
            continue
        yield found
