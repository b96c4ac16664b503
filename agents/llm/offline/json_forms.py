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
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return least_value(schema[key][0], text, depth + 1)
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if depth > _MAX_DEPTH or kind == "null":
        return None
    if kind == "object" or "properties" in schema:
        names = schema.get("required") or list(schema.get("properties") or {})
        properties = schema.get("properties") or {}
        return {name: least_value(properties.get(name) or {"type": "string"}, text, depth + 1) for name in names}
    if kind == "array":
        return [least_value(schema.get("items") or {}, text, depth + 1) for _ in range(schema.get("minItems") or 0)]
    return {"boolean": False, "integer": schema.get("minimum", 0), "number": schema.get("minimum", 0)}.get(
        str(kind), text
    )
