"""Arguments of a tool call, as a model wrote them, made fit for the tool; and what it gives back."""

from collections.abc import Mapping
from typing import Any, Final

from jsonschema.exceptions import ValidationError

from agents.errors import ToolInputInvalid
from agents.journal.bounds import bounded_text
from agents.tools.base import Tool
from agents.tools.validation import MAX_DEPTH, SchemaUnusable, first_error, is_deeper
from agents.types import Json
from shannon_project.foundation.strict_json import json_read

_SHOWN_CHARACTERS: Final = 300


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
    if isinstance(value, dict | list) and is_deeper(value, MAX_DEPTH):
        raise ToolInputInvalid(f"The arguments are nested deeper than {MAX_DEPTH} levels.")
    return value


def arguments_check(tool: Tool, arguments: Mapping[str, Any]) -> None:
    """Compare arguments with the tool's schema.

    Raises:
        ToolInputInvalid: They do not fit; the message says where and why (the caller's fault).
    """
    try:
        error = first_error(tool.parameters, dict(arguments))
    except SchemaUnusable as broken:
        raise ToolInputInvalid(f"The schema of {tool.name} cannot be used: {broken}") from broken
    if error is None:
        return
    path = ".".join(str(part) for part in error.absolute_path) or "arguments"
    raise ToolInputInvalid(_said(error, "arguments"), details={"path": path, "schema": dict(tool.parameters)})


def arguments_problem(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    """Return where and why arguments do not fit a schema of ours; empty when they do."""
    return value_problem(schema, dict(arguments), name="arguments")


def value_problem(schema: Mapping[str, Any], value: Json, *, name: str = "the value") -> str:
    """Return where and why a value does not fit a schema; empty when it does."""
    try:
        error = first_error(schema, value)
    except SchemaUnusable as broken:
        return f"the schema cannot be used: {broken}"
    return "" if error is None else _said(error, name)


def _said(error: ValidationError, name: str) -> str:
    path = ".".join(str(part) for part in error.absolute_path) or name
    return f"{path}: {bounded_text(error.message, _SHOWN_CHARACTERS)}"
