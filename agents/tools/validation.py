"""Values against JSON schemas that somebody else may have written: nothing is fetched, and nothing takes for ever.

Schemas of callers are refused where they could cost too much (`foundation/json_schemas.py`). These come from servers
and documents that cannot be told to mend them, so what is too much in them is not looked at.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, UnknownType, ValidationError, best_match
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from agents.journal.bounds import bounded_text
from agents.tools.patterns import without_patterns
from agents.types import Json

_WORK_MAX: Final = 100_000  # keywords that one value is compared with, some 0.3 s; small schemas can ask for 2 ** 1000
_REFERENCE_WORK: Final = 20  # a reference takes so many times as long as another keyword
_REFERENCES: Final = frozenset({"$ref", "$dynamicRef"})
_UNIQUE_MAX: Final = 1_000  # items that are compared each with each
_SHOWN_CHARACTERS: Final = 300
MAX_DEPTH: Final = 64  # of objects and lists in each other: what walks a value recursively must come to its end

Check = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]


class SchemaUnusable(ValueError):
    """A schema that is none, which only shows when a value is compared with it. The message says why."""


class _TooMuch(Exception):
    """To compare the value with the schema takes more than it may."""


class _Work(threading.local):
    """What is left of the work that may be done about the value that this thread looks at."""

    left: int = 0


_WORK: Final = _Work()
# what a validator raises of a schema that is none: its keywords are looked at one by one, as an instance needs them
_BROKEN_SCHEMA: Final = (
    Unresolvable,
    UnknownType,
    ArithmeticError,
    AttributeError,
    RecursionError,
    TypeError,
    re.error,
)


def first_error(schema: Mapping[str, Any], value: Json) -> ValidationError | None:
    """Return the most telling place where a value does not fit a schema; None: it fits.

    Regular expressions are not compared, and what would take too long is taken to fit: whoever wrote the schema checks
    by it all the same.

    Raises:
        SchemaUnusable: The schema is none.
    """
    _WORK.left = _WORK_MAX
    try:
        error: ValidationError | None = best_match(_validator(json.dumps(dict(schema))).iter_errors(value))
    except _TooMuch:
        return None
    except _BROKEN_SCHEMA as broken:
        raise SchemaUnusable(bounded_text(str(broken), 200)) from broken
    return error


def schema_problem(schema: Mapping[str, Any]) -> str:
    """Return why a schema that somebody else wrote cannot be used; empty when it can."""
    if is_deeper(dict(schema), MAX_DEPTH):
        return f"it is nested deeper than {MAX_DEPTH} levels"
    try:
        Draft202012Validator.check_schema(dict(schema))
    except SchemaError as error:
        return bounded_text(error.message, _SHOWN_CHARACTERS)
    return ""


def is_deeper(value: dict[str, Any] | list[Any], max_depth: int) -> bool:
    """Return whether lists and objects are nested deeper than that; level by level, so any depth can be looked at."""
    level: list[Any] = [value]
    for _ in range(max_depth):
        inner = [item.values() if isinstance(item, dict) else item for item in level]
        level = [item for items in inner for item in items if isinstance(item, dict | list)]
        if not level:
            return False
    return True


@lru_cache(maxsize=1024)
def _validator(schema: str) -> Draft202012Validator:
    """Return a validator that never fetches anything: a schema may come from somebody else's server."""
    validator: Draft202012Validator = _ForeignSafe(without_patterns(json.loads(schema)), registry=Registry())
    return validator


def _counted(check: Check, work: int) -> Check:
    """Return a check that counts."""

    def counting(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError] | None:
        _WORK.left -= work
        if _WORK.left < 0:
            raise _TooMuch
        return check(validator, value, instance, schema)

    return counting


def _unique(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError] | None:
    if isinstance(instance, list) and len(instance) > _UNIQUE_MAX:
        return None
    check: Check = Draft202012Validator.VALIDATORS["uniqueItems"]
    return check(validator, value, instance, schema)


_CHECKS: Final[Mapping[str, Check]] = {**Draft202012Validator.VALIDATORS, "uniqueItems": _unique}
_ForeignSafe = extend(  # type: ignore[no-untyped-call] # its stubs leave it out
    Draft202012Validator,
    {name: _counted(check, _REFERENCE_WORK if name in _REFERENCES else 1) for name, check in _CHECKS.items()},
)
