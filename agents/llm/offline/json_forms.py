"""Fills a JSON schema that no rule knows with the least that fits it: honest, and of the right form."""

from collections.abc import Mapping
from typing import Any, Final

_MAX_DEPTH: Final = 12


def least_value(schema: Mapping[str, Any], text: str, depth: int = 0) -> Any:
    """Return a value of the schema's form; strings carry `text`, numbers are the least allowed, lists the shortest.

    Args:
        schema: A JSON schema; references and combinations other than `anyOf` and `oneOf` are not followed.
        text: What strings say.
        depth: How deep the value stands.
    """
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return least_value(schema[key][0], text, depth + 1)
    if "const" in schema or schema.get("enum"):
        return schema["const"] if "const" in schema else schema["enum"][0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if depth > _MAX_DEPTH or kind == "null":
        return None
    if kind == "object" or "properties" in schema:
        return _least_object(schema, text, depth)
    if kind == "array":
        return [least_value(schema.get("items") or {}, text, depth + 1) for _ in range(schema.get("minItems") or 0)]
    least = schema.get("minimum", 0)
    return {"boolean": False, "integer": least, "number": least}.get(str(kind), text)


def _least_object(schema: Mapping[str, Any], text: str, depth: int) -> dict[str, Any]:
    properties = schema.get("properties") or {}
    names = schema.get("required") or list(properties)
    return {name: least_value(properties.get(name) or {"type": "string"}, text, depth + 1) for name in names}
