"""Schemas of a document as schemas of a tool: references put in place, within a size, without regular expressions.

A reference to what contains it, and whatever does not fit any more, becomes a schema that takes anything: the API
checks by its own. So a document whose schemas unfold exponentially or for ever costs no more than the bounds say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from agents.journal.bounds import bounded_text
from agents.tools.openapi.documents import Document

_NODES_MAX: Final = 1_500  # schemas in one tool's
_DEPTH_MAX: Final = 12
_DESCRIPTION_CHARACTERS: Final = 300
_ENUM_MAX: Final = 100
_KEPT: Final = frozenset(
    {
        *("type", "format", "enum", "const", "default", "required", "minimum", "maximum", "exclusiveMinimum"),
        *("exclusiveMaximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems"),
        *("minProperties", "maxProperties", "title"),
    }
)
_LISTS: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_TYPES: Final = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})


@dataclass(slots=True)
class SchemaReader:
    """Reads the schemas of one operation. `simplified`: something was left out of them."""

    document: Document
    nodes_left: int = _NODES_MAX
    simplified: bool = False
    _open: list[str] = field(default_factory=list)

    def read(self, schema: Any, depth: int = 0) -> dict[str, Any]:
        """Return a schema of JSON Schema 2020-12 without references."""
        self.nodes_left -= 1
        if self.nodes_left < 0 or depth > _DEPTH_MAX:
            self.simplified = True
            return {}
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
        kept = {key: value for key, value in schema.items() if key in _KEPT and _is_fit(key, value)}
        self._describe(schema, kept)
        self._properties(schema, kept, depth)
        for key in _LISTS:
            if isinstance(schema.get(key), list):
                kept[key] = [self.read(item, depth + 1) for item in schema[key]] or [{}]
        for key in ("items", "not"):
            if isinstance(schema.get(key), Mapping):
                kept[key] = self.read(schema[key], depth + 1)
        if kept.get("type") == "array" and "items" not in kept:
            kept["items"] = {}
        if self.document.is_3_0:
            _of_3_0(schema, kept)
        return kept

    def _properties(self, schema: Mapping[str, Any], kept: dict[str, Any], depth: int) -> None:
        properties = schema.get("properties")
        if isinstance(properties, Mapping):
            sent = {name: inner for name, inner in properties.items() if not self._is_read_only(inner)}
            kept["properties"] = {name: self.read(inner, depth + 1) for name, inner in sent.items()}
            if "required" in kept:
                left_out = properties.keys() - sent.keys()
                kept["required"] = [name for name in kept["required"] if name not in left_out]
        additional = schema.get("additionalProperties")
        if isinstance(additional, Mapping):
            kept["additionalProperties"] = self.read(additional, depth + 1)
        elif additional is False and not schema.get("allOf"):
            kept["additionalProperties"] = False

    def _is_read_only(self, schema: Any) -> bool:
        return bool(self.document.resolved(schema).get("readOnly"))

    def _describe(self, schema: Mapping[str, Any], kept: dict[str, Any]) -> None:
        if isinstance(schema.get("description"), str) and schema["description"]:
            kept["description"] = bounded_text(schema["description"], _DESCRIPTION_CHARACTERS)
        if len(kept.get("enum", ())) > _ENUM_MAX:
            del kept["enum"]
            self.simplified = True


def _is_fit(key: str, value: Any) -> bool:
    """Tell whether a keyword's value is of its kind: a schema that is none would make the whole tool unusable."""
    if key == "type":
        return value in _TYPES if isinstance(value, str) else isinstance(value, list) and set(map(str, value)) <= _TYPES
    if key in {"enum", "required"}:
        return isinstance(value, list) and (key == "enum" or all(isinstance(name, str) for name in value))
    if key in {"format", "title"}:
        return isinstance(value, str)
    if key == "uniqueItems":
        return isinstance(value, bool)
    if key in {"const", "default"}:
        return True
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number or (key.startswith("exclusive") and isinstance(value, bool))


def _of_3_0(schema: Mapping[str, Any], kept: dict[str, Any]) -> None:
    """Turn what OpenAPI 3.0 says otherwise into JSON Schema's words: `nullable`, and exclusive bounds as flags."""
    for flag, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(kept.get(flag), bool) and kept.pop(flag) and bound in kept:
            kept[flag] = kept.pop(bound)
    if schema.get("nullable") is True:
        if isinstance(kept.get("type"), str):
            kept["type"] = [kept["type"], "null"]
        if "enum" in kept and None not in kept["enum"]:
            kept["enum"] = [*kept["enum"], None]
