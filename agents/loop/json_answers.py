"""JSON in what a model writes, and whether it fits a caller's schema."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from agents.journal import bounded_text
from shannon_project.foundation.json_schemas import schema_errors

_FENCE: Final = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_PROBLEMS_SHOWN: Final = 10


def json_in(text: str) -> tuple[bool, Any]:
    """Return whether a text holds a JSON object or list, bare, fenced or among prose, and the first of them."""
    fenced = _FENCE.search(text)
    for candidate in (text, fenced.group(1) if fenced else ""):
        found, value = _first_value(candidate)
        if found:
            return True, value
    return False, None


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


def _first_value(text: str) -> tuple[bool, Any]:
    decoder = json.JSONDecoder(parse_constant=_no_number, parse_float=_finite)
    for start in (match.start() for match in re.finditer(r"[{\[]", text)):
        try:
            value, _ = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        return True, value
    return False, None


def _no_number(name: str) -> float:
    raise ValueError(name)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
