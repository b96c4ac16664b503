"""JSON schemas of callers: what may not be used, and checking values within a bound.

A schema is a program that somebody else wrote. Three things make one expensive: regular expressions, which are refused;
references, with which a short text can stand for an endless or exponentially large one; and recursion, which is bounded
while a value is checked. Nothing is ever fetched.
"""

from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import extend
from referencing import Registry

MAX_SIZE: Final = 20_000  # subschemas, references replaced by what they stand for
MAX_REFERENCES: Final = 20_000  # followed while one value is checked
_REFUSED: Final = frozenset({"pattern", "$dynamicRef", "$recursiveRef"})
_IN_PLACE_LISTS: Final = ("allOf", "anyOf", "oneOf")
_IN_PLACE_ONE: Final = ("not", "if", "then", "else")
_IN_PLACE_MAPS: Final = ("dependentSchemas",)
_INNER_LISTS: Final = ("prefixItems",)
_INNER_ONE: Final = (
    "items",
    "additionalProperties",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_INNER_MAPS: Final = ("properties",)
_MESSAGE_MAX_CHARACTERS: Final = 200


def schema_problem(schema: Mapping[str, Any]) -> str:
    """Return why something is no JSON schema (draft 2020-12) that may be used here; empty when it is one."""
    if problem := _forbidden_in(schema):
        return problem
    try:
        Draft202012Validator.check_schema(dict(schema))
        return _size_problem(dict(schema))
    except SchemaError as error:
        return error.message[:_MESSAGE_MAX_CHARACTERS]
    except RecursionError:
        return "the schema is nested too deeply, or refers to itself without end"


def schema_errors(value: Any, schema: Mapping[str, Any]) -> list[ValidationError]:
    """Return what in a value does not fit a schema, by place.

    Raises:
        RecursionError: The schema refers to itself without end, or takes more work than `MAX_REFERENCES` allows.
    """
    _LEFT.set([MAX_REFERENCES])
    errors = list(_validator(schema).iter_errors(value))
    return sorted(errors, key=lambda error: [str(part) for part in error.absolute_path])


def fits(value: Any, schema: Mapping[str, Any]) -> bool:
    """Return whether a value fits a schema; one that cannot be checked within the bound does not."""
    _LEFT.set([MAX_REFERENCES])
    try:
        return next(_validator(schema).iter_errors(value), None) is None
    except RecursionError:
        return False


def _validator(schema: Mapping[str, Any]) -> Any:
    return _BOUNDED(dict(schema), registry=Registry())  # an empty registry: nothing is fetched


def _follow(validator: Any, reference: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """Follow a reference, and count it."""
    left = _LEFT.get()
    left[0] -= 1
    if left[0] < 0:
        raise RecursionError(f"more than {MAX_REFERENCES:,} references were followed")
    yield from Draft202012Validator.VALIDATORS["$ref"](validator, reference, instance, schema) or ()


_LEFT: Final[ContextVar[list[int]]] = ContextVar("references_left")
_BOUNDED: Final = extend(Draft202012Validator, {"$ref": _follow})  # type: ignore[no-untyped-call] # its stubs say nothing


def _forbidden_in(schema: Any) -> str:
    level: list[Any] = [schema]
    while level:
        for item in level:
            if not isinstance(item, dict):
                continue
            for key, value in item.items():
                if key == "patternProperties" or (key in _REFUSED and isinstance(value, str)):
                    return f"`{key}` is not available in schemas here"
                if key == "$ref" and isinstance(value, str) and not (value == "#" or value.startswith("#/")):
                    return "`$ref` must point into the schema itself (#/…)"
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
    return ""


def _size_problem(root: dict[str, Any]) -> str:
    """Return what is wrong with the size of a schema; recursion through a value's parts counts once."""
    if _size(root, root, {}, set(), set()) > MAX_SIZE:
        return f"its references stand for more than {MAX_SIZE:,} subschemas, or refer to themselves without end"
    return ""


def _size(schema: Any, root: dict[str, Any], known: dict[int, int], here: set[int], above: set[int]) -> int:
    """Return how many subschemas a schema stands for.

    Args:
        schema: It.
        root: What references point into.
        known: Sizes by identity.
        here: Schemas under way that are checked against the same value: to come back to one never ends.
        above: Schemas under way that are checked against what this value is a part of.
    """
    if not isinstance(schema, dict):
        return 1
    name = id(schema)
    if name in here:
        return MAX_SIZE + 1
    if name in above:
        return 1
    if name not in known:
        total = 1
        for inner in _in_place(schema, root):
            total += _size(inner, root, known, here | {name}, above)
        for inner in _inner(schema):
            total += _size(inner, root, known, set(), above | here | {name})
        known[name] = min(total, MAX_SIZE + 1)
    return known[name]


def _in_place(schema: Mapping[str, Any], root: dict[str, Any]) -> Iterator[Any]:
    """Yield the schemas that the same value must fit."""
    reference = schema.get("$ref")
    if isinstance(reference, str):
        yield _pointed(reference, root)
    yield from _parts(schema, _IN_PLACE_LISTS, _IN_PLACE_ONE, _IN_PLACE_MAPS)


def _inner(schema: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the schemas that parts of the value must fit."""
    yield from _parts(schema, _INNER_LISTS, _INNER_ONE, _INNER_MAPS)


def _parts(
    schema: Mapping[str, Any], lists: tuple[str, ...], single: tuple[str, ...], maps: tuple[str, ...]
) -> Iterator[Any]:
    for name in lists:
        value = schema.get(name)
        yield from value if isinstance(value, list) else ()
    for name in single:
        if name in schema:
            yield schema[name]
    for name in maps:
        value = schema.get(name)
        yield from value.values() if isinstance(value, dict) else ()


def _pointed(reference: str, root: dict[str, Any]) -> Any:
    """Return what a JSON pointer (RFC 6901) points at; None for nothing: the validator will say so."""
    found: Any = root
    for part in reference.removeprefix("#").split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and key.isdigit() and int(key) < len(found):
            found = found[int(key)]
        elif isinstance(found, dict) and key in found:
            found = found[key]
        else:
            return None
    return found
