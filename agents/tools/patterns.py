"""Schemas without their regular expressions: a hostile one takes for ever, and whoever wrote the schema checks by it.

What is left out makes a schema take more, never less: where the rest would take less without it, that goes too.
"""

from collections.abc import Mapping
from typing import Any, Final

_NAMED: Final = frozenset({"properties", "$defs", "definitions", "dependentSchemas"})  # name -> schema
_VALUES: Final = frozenset({"const", "default", "enum", "examples"})  # no schemas in them
_LEFT_OUT: Final = frozenset({"pattern", "patternProperties"})
_REST: Final = ("additionalProperties", "unevaluatedProperties")  # what they are about depends on what was left out
_CHOICE: Final = ("if", "then", "else")
_COUNTED: Final = ("contains", "minContains", "maxContains", "unevaluatedItems")


def without_patterns(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON schema (2020-12) that takes whatever the given one takes, and asks for no regular expression."""
    has_any = _has_patterns(schema)
    return _Loosening(has_any).of_schema(schema)[0] if has_any else dict(schema)


class _Loosening:
    """`refers_in_part`: a reference may lead to what is left out in part."""

    def __init__(self, refers_in_part: bool) -> None:
        self._refers_in_part = refers_in_part

    def of_schema(self, schema: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        """Return the schema, and whether it takes more than it did."""
        kept: dict[str, Any] = {}
        looser = {key for key in schema if _is_left_out(key, schema[key])}
        if isinstance(schema.get("$ref"), str) and self._refers_in_part:
            looser.add("$ref")
        for key, inner in schema.items():
            if key in looser and key != "$ref":
                continue
            kept[key], is_looser = self._of_keyword(key, inner)
            if is_looser:
                looser.add(key)
        return _mended(kept, looser), bool(looser)

    def _of_keyword(self, key: str, inner: Any) -> tuple[Any, bool]:
        if key in _VALUES:
            return inner, False
        if key in _NAMED and isinstance(inner, Mapping):
            read = {name: self._of_value(one) for name, one in inner.items()}
            return {name: one for name, (one, _) in read.items()}, any(is_looser for _, is_looser in read.values())
        return self._of_value(inner)

    def _of_value(self, value: Any) -> tuple[Any, bool]:
        if isinstance(value, Mapping):
            return self.of_schema(value)
        if isinstance(value, list):
            read = [self._of_value(item) for item in value]
            return [item for item, _ in read], any(is_looser for _, is_looser in read)
        return value, False


def _mended(kept: dict[str, Any], looser: set[str]) -> dict[str, Any]:
    """Leave out, or open, the keywords that refuse more where what they are about takes more."""
    gone: set[str] = set()
    if "not" in looser:
        gone.add("not")
    if "oneOf" in looser:  # several may fit now
        choices = kept.pop("oneOf")
        kept.setdefault("anyOf", choices)
    if "if" in looser:
        gone.update(_CHOICE)
    if "contains" in looser:
        gone.update(_COUNTED)
    if "patternProperties" in looser:
        gone.update(_REST)
    elif looser:
        gone.update(("unevaluatedProperties", "unevaluatedItems"))
    return {key: value for key, value in kept.items() if key not in gone}


def _is_left_out(key: str, value: Any) -> bool:
    """Tell whether a keyword asks for regular expressions, rather than being a property's name."""
    return (key == "pattern" and isinstance(value, str)) or (key == "patternProperties" and isinstance(value, Mapping))


def _has_patterns(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_is_left_out(key, inner) or _has_patterns(inner) for key, inner in value.items())
    return isinstance(value, list) and any(map(_has_patterns, value))
