"""Schemas of a document as schemas of a tool: references put in place, within a size, without regular expressions.

A reference to what contains it, and whatever does not fit any more, becomes a schema that takes anything: the API
checks by its own. So a document whose schemas unfold exponentially or for ever costs no more than the bounds say.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from agents.journal.bounds import bounded_text
from agents.tools.openapi.documents import Document, listed

_NODES_MAX: Final = 1_500  # schemas in one tool's
_DEPTH_MAX: Final = 12
_CHARACTERS_MAX: Final = 150_000  # of one tool's schemas, as JSON
_DESCRIPTION_CHARACTERS: Final = 300
_VALUE_CHARACTERS: Final = 1_000  # of a default or constant, as JSON
_NAME_CHARACTERS: Final = 200
_ENUM_MAX: Final = 100
_LISTS: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_TYPES: Final = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})


@dataclass(slots=True)
class SchemaReader:
    """Reads the schemas of one operation.

    `is_answer`: they are those of answers; else of requests. `simplified`: something was left out of them that the
    report tells of. `loosened`: keywords were left out that it does not tell of, such as regular expressions. `notes`:
    what whoever reads bodies with it left out besides.
    """

    document: Document
    nodes_left: int = _NODES_MAX
    characters_left: int = _CHARACTERS_MAX
    is_answer: bool = False
    simplified: bool = False
    loosened: bool = False
    notes: list[str] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        """Whether no other schema fits."""
        return self.nodes_left <= 0 or self.characters_left <= 0

    def read(self, schema: Any, depth: int = 0) -> dict[str, Any]:
        """Return a schema of JSON Schema 2020-12 without references."""
        if self.is_full or depth > _DEPTH_MAX:
            self.simplified = True
            return {}
        self.nodes_left -= 1
        if not isinstance(schema, Mapping):
            return {}
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return self._read(schema, depth)
        if reference in self._open:
            self.simplified = True
            return {"description": f"A {reference.rpartition('/')[2][:100]} again."}
        self._open.append(reference)
        try:
            named = self.read(self.document.at(reference), depth)
        finally:
            self._open.pop()
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return {**named, **self._read(beside, depth)} if beside and not self.document.is_3_0 else named

    def _read(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        kept = {key: schema[key] for key, is_fit in _FIT.items() if key in schema and is_fit(schema[key])}
        is_whole = schema.keys().isdisjoint(_LEFT_OUT) and len(kept) == len(schema.keys() & _FIT.keys())
        self.loosened = self.loosened or not is_whole
        self._describe(schema, kept)
        self.characters_left -= len(json.dumps(kept))
        self._properties(schema, kept, depth)
        self._lists(schema, kept, depth)
        self._not(schema, kept, depth)
        if isinstance(schema.get("items"), Mapping):
            kept["items"] = self.read(schema["items"], depth + 1)
        if kept.get("type") == "array" and "items" not in kept:
            kept["items"] = {}
        _bounds(schema, kept, is_3_0=self.document.is_3_0)
        return kept

    def _properties(self, schema: Mapping[str, Any], kept: dict[str, Any], depth: int) -> None:
        properties = schema.get("properties")
        is_whole = True
        if isinstance(properties, Mapping):
            kept["properties"] = {}
            hidden: set[str] = set()
            for name, inner in properties.items():
                if self.is_full or len(name) > _NAME_CHARACTERS:
                    is_whole, self.simplified = False, True
                elif self._is_hidden(inner):
                    hidden.add(name)
                else:
                    self.characters_left -= len(name)
                    kept["properties"][name] = self.read(inner, depth + 1)
            if "required" in kept:
                kept["required"] = [name for name in kept["required"] if name not in hidden]
        if "required" in kept:
            kept["required"] = list(dict.fromkeys(kept["required"]))
        additional = schema.get("additionalProperties")
        if isinstance(additional, Mapping):
            kept["additionalProperties"] = self.read(additional, depth + 1) if is_whole else {}
        elif additional is False and is_whole and schema.keys().isdisjoint(("allOf", "patternProperties")):
            kept["additionalProperties"] = False

    def _lists(self, schema: Mapping[str, Any], kept: dict[str, Any], depth: int) -> None:
        """Read lists of schemas; of alternatives that are shown in part several may fit, and any other too."""
        for key in _LISTS:
            if not isinstance(schema.get(key), list) or not schema[key]:
                continue
            found: list[dict[str, Any]] = []
            is_whole = is_exact = True
            for item in schema[key]:
                if self.is_full:
                    is_whole, self.simplified = False, True
                    break
                inner, inner_is_whole = self._read_apart(item, depth)
                found.append(inner)
                is_exact = is_exact and inner_is_whole
            if key == "allOf" or (is_whole and (is_exact or key != "oneOf")):
                kept[key] = found
            elif key == "anyOf" or "anyOf" not in schema:
                kept["anyOf"] = found if is_whole else [*found, {}]

    def _not(self, schema: Mapping[str, Any], kept: dict[str, Any], depth: int) -> None:
        """Read what must not be; if that is shown in part, too much would be refused."""
        if isinstance(schema.get("not"), Mapping):
            inner, is_whole = self._read_apart(schema["not"], depth)
            if is_whole:
                kept["not"] = inner

    def _read_apart(self, schema: Any, depth: int) -> tuple[dict[str, Any], bool]:
        """Return a schema, and whether nothing was left out of it."""
        before = self.simplified, self.loosened
        self.simplified = self.loosened = False
        found = self.read(schema, depth + 1)
        is_whole = not (self.simplified or self.loosened)
        self.simplified, self.loosened = self.simplified or before[0], self.loosened or before[1]
        return found, is_whole

    def _is_hidden(self, schema: Any) -> bool:
        """Tell whether a property is only in answers, and this is a request, or the other way round."""
        return self.document.resolved(schema).get("writeOnly" if self.is_answer else "readOnly") is True

    def _describe(self, schema: Mapping[str, Any], kept: dict[str, Any]) -> None:
        if isinstance(schema.get("description"), str) and schema["description"]:
            kept["description"] = bounded_text(schema["description"], _DESCRIPTION_CHARACTERS)
        if len(listed(schema.get("enum"))) > _ENUM_MAX:
            self.simplified = True


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_bound(value: Any) -> bool:
    return _is_number(value) or isinstance(value, bool)  # a flag beside the bound in OpenAPI 3.0


def _is_type(value: Any) -> bool:
    kinds = [value] if isinstance(value, str) else listed(value)
    return bool(kinds) and all(isinstance(kind, str) and kind in _TYPES for kind in kinds) and len(kinds) <= len(_TYPES)


def _is_small(value: Any) -> bool:
    return len(json.dumps(value)) <= _VALUE_CHARACTERS


def _is_enum(value: Any) -> bool:
    return isinstance(value, list) and 0 < len(value) <= _ENUM_MAX and all(map(_is_small, value))


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) and len(name) <= _NAME_CHARACTERS for name in value)


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _NAME_CHARACTERS


_FIT: Final[Mapping[str, Callable[[Any], bool]]] = {
    "type": _is_type,
    "format": _is_word,
    "title": _is_word,
    "enum": _is_enum,
    "const": _is_small,
    "default": _is_small,
    "required": _is_names,
    "uniqueItems": lambda value: isinstance(value, bool),
    "multipleOf": lambda value: _is_number(value) and value > 0,
    **dict.fromkeys(("minimum", "maximum"), _is_number),
    **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum"), _is_bound),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _is_count),
}
"""The keywords that are kept, and of what kind a value must be: one that is not would make the whole tool unusable."""
_LEFT_OUT: Final = frozenset(
    {
        *("pattern", "patternProperties", "propertyNames", "contains", "minContains", "maxContains"),
        *("if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies"),
        *("unevaluatedProperties", "unevaluatedItems"),
    }
)
"""The keywords that are not: a schema without them takes more."""


def _bounds(schema: Mapping[str, Any], kept: dict[str, Any], *, is_3_0: bool) -> None:
    """Turn what OpenAPI 3.0 says otherwise into JSON Schema's words: `nullable`, and exclusive bounds as flags."""
    for flag, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(kept.get(flag), bool) and kept.pop(flag) and is_3_0 and bound in kept:
            kept[flag] = kept.pop(bound)
    if is_3_0 and schema.get("nullable") is True:
        if isinstance(kept.get("type"), str):
            kept["type"] = [kept["type"], "null"]
        if "enum" in kept and None not in kept["enum"]:
            kept["enum"] = [*kept["enum"], None]
