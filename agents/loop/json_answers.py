"""JSON in what a model writes, and whether it fits a caller's schema."""

import re
from collections.abc import Mapping
from typing import Any, Final

from agents.journal import bounded_text
from shannon_project.foundation.json_schemas import schema_errors
from shannon_project.foundation.strict_json import DECODER

_FENCE: Final = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_PROBLEMS_SHOWN: Final = 10


def json_in(text: str, *, beginnings: str = "{[") -> tuple[bool, Any]:
    """Return whether a text holds a JSON object or list, bare, fenced or among prose, and the first of them."""
    fenced = _FENCE.search(text)
    for candidate in (text, fenced.group(1) if fenced else ""):
        for start in (place for place, character in enumerate(candidate) if character in beginnings):
            try:
                value, _ = DECODER.raw_decode(candidate, start)
            except (ValueError, RecursionError):
                continue
            return True, value
    return False, None


def json_object_in(text: str) -> dict[str, Any] | None:
    """Return the first JSON object in a text, also one inside of a list; None without one."""
    found, value = json_in(text, beginnings="{")
    return value if found else None


def problems_of(value: Any, schema: Mapping[str, Any]) -> list[str]:
    """Return what in a value does not fit a JSON schema, at most ten sentences; none when it fits."""
    try:
        errors = schema_errors(value, schema)
    except RecursionError:
        return ["The schema refers to itself without end, or takes too much work to check."]
    return [
        f"{'.'.join(str(part) for part in error.absolute_path) or 'the value'}: {bounded_text(error.message, 200)}"
        for error in errors[:_PROBLEMS_SHOWN]
    ]
