"""Arguments of a tool call, as a model wrote them, made fit for the tool."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, UnknownType, ValidationError, best_match
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from agents.errors import ToolInputInvalid
from agents.journal.bounds import bounded_text
from agents.tools.base import Tool
from agents.types import Json
from shannon_project.foundation.strict_json import json_read

_SHOWN_CHARACTERS = 300
# what a validator raises of a schema that is none: its keywords are looked at one by one, as an instance needs them
_BROKEN_SCHEMA = (Unresolvable, UnknownType, ArithmeticError, AttributeError, RecursionError, TypeError, re.error)
_MAX_DEPTH = 64  # of objects and lists in each other: what walks a value recursively must come to its end


def arguments_from(text: str) -> dict[str, Any]:
    """Return the JSON object that a model wrote as arguments; nothing at all counts as `{}`.

    Raises:
        ToolInputInvalid: It is no JSON object, holds a number too large to keep, or is nested deeper than 64 levels
            (the model's fault).
    """
    arguments = json_value(text or "{}")
    if not isinstance(arguments, dict):
        raise ToolInputInvalid(f"The arguments must be one JSON object, not {type(arguments).__name__}.")
    return arguments


def json_value(text: str) -> Json:
    """Return the JSON value that a model or a program wrote.

    Raises:
        ToolInputInvalid: It is none, holds a number too large to keep, or is nested deeper than 64 levels.
    """
    try:
        value: Json = json_read(text)
    except (ValueError, RecursionError) as error:
        shown = bounded_text(text, _SHOWN_CHARACTERS)
        raise ToolInputInvalid(f"The arguments are not valid JSON: {error}. They were: {shown}") from error
    if isinstance(value, dict | list) and _is_deeper(value, _MAX_DEPTH):
        raise ToolInputInvalid(f"The arguments are nested deeper than {_MAX_DEPTH} levels.")
    return value


def arguments_check(tool: Tool, arguments: Mapping[str, Any]) -> None:
    """Compare arguments with the tool's schema.

    Raises:
        ToolInputInvalid: They do not fit; the message says where and why (the caller's fault).
    """
    try:
        error = _first_error(tool.parameters, dict(arguments))
    except _BROKEN_SCHEMA as broken:
        raise ToolInputInvalid(
            f"The schema of {tool.name} cannot be used: {bounded_text(str(broken), 200)}"
        ) from broken
    if error is None:
        return
    path = ".".join(str(part) for part in error.absolute_path) or "arguments"
    raise ToolInputInvalid(
        f"{path}: {bounded_text(error.message, _SHOWN_CHARACTERS)}",
        details={"path": path, "schema": dict(tool.parameters)},
    )


def arguments_problem(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    """Return where and why arguments do not fit a schema of ours; empty when they do."""
    return value_problem(schema, dict(arguments), name="arguments")


def value_problem(schema: Mapping[str, Any], value: Json, *, name: str = "the value") -> str:
    """Return where and why a value does not fit a schema; empty when it does."""
    try:
        error = _first_error(schema, value)
    except _BROKEN_SCHEMA as broken:
        return f"the schema cannot be used: {bounded_text(str(broken), 200)}"
    if error is None:
        return ""
    path = ".".join(str(part) for part in error.absolute_path) or name
    return f"{path}: {bounded_text(error.message, _SHOWN_CHARACTERS)}"


def schema_problem(schema: Mapping[str, Any]) -> str:
    """Return why a schema that somebody else wrote cannot be used; empty when it can."""
    if _is_deeper(dict(schema), _MAX_DEPTH):
        return f"it is nested deeper than {_MAX_DEPTH} levels"
    try:
        Draft202012Validator.check_schema(dict(schema))
    except SchemaError as error:
        return bounded_text(error.message, _SHOWN_CHARACTERS)
    return ""


def _first_error(schema: Mapping[str, Any], value: Json) -> ValidationError | None:
    error: ValidationError | None = best_match(_validator(json.dumps(dict(schema))).iter_errors(value))
    return error


@lru_cache(maxsize=1024)
def _validator(schema: str) -> Draft202012Validator:
    """Return a validator that never fetches anything: a schema may come from somebody else's server."""
    validator: Draft202012Validator = _ForeignSafe(json.loads(schema), registry=Registry())
    return validator


def _no_pattern(*_: object) -> None:
    """Check no regular expression: a hostile one takes for ever, and none of the built-in schemas has one."""


_ForeignSafe = extend(  # type: ignore[no-untyped-call] # its stubs leave it out
    Draft202012Validator, {"pattern": _no_pattern, "patternProperties": _no_pattern}
)


def _is_deeper(value: dict[str, Any] | list[Any], max_depth: int) -> bool:
    """Return whether lists and objects are nested deeper than that; level by level, so any depth can be looked at."""
    level: list[Any] = [value]
    for _ in range(max_depth):
        inner = [item.values() if isinstance(item, dict) else item for item in level]
        level = [item for items in inner for item in items if isinstance(item, dict | list)]
        if not level:
            return False
    return True
