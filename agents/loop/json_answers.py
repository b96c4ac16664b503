"""JSON in what a model writes, and whether it fits a caller's schema."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry

from agents.journal import bounded_text

_FENCE: Final = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_PROBLEMS_SHOWN: Final = 10
_REFUSED: Final = frozenset({"pattern", "$dynamicRef", "$recursiveRef"})


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
    validator = Draft202012Validator(dict(schema), registry=Registry())  # an empty registry: nothing is fetched
    try:
        errors = sorted(validator.iter_errors(value), key=lambda error: [str(part) for part in error.absolute_path])
    except RecursionError:
        return ["The schema refers to itself without end."]
    return [
        f"{'.'.join(str(part) for part in error.absolute_path) or 'the value'}: {bounded_text(error.message, 200)}"
        for error in errors[:_PROBLEMS_SHOWN]
    ]


def schema_problem(schema: Mapping[str, Any]) -> str:
    """Return why something is no JSON schema (draft 2020-12) that may be used here; empty when it is one.

    References must stay within the schema (a validator would fetch others), and patterns are refused: a caller's
    regular expression can keep a worker busy for hours.
    """
    if problem := _forbidden_in(schema):
        return problem
    try:
        Draft202012Validator.check_schema(dict(schema))
    except SchemaError as error:
        return bounded_text(error.message, 200)
    return ""


def _forbidden_in(schema: Any) -> str:
    level: list[Any] = [schema]
    while level:
        for item in level:
            if not isinstance(item, dict):
                continue
            for key, value in item.items():
                if key == "patternProperties" or (key in _REFUSED and isinstance(value, str)):
                    return f"`{key}` is not available in schemas here"
                if key == "$ref" and isinstance(value, str) and not value.startswith("#"):
                    return "`$ref` must point into the schema itself (#/…)"
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
    return ""


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
