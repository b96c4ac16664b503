"""A template that extends another one: what it says goes before what it inherits. Pure."""

from collections.abc import Mapping
from typing import Any, Final

_OWN: Final = ("extends", "defaults")


def inherited(child: Mapping[str, Any], parent: Mapping[str, Any]) -> dict[str, Any]:
    """Return a template's values together with its parent's.

    Nodes of the same id are merged field by field; `remove: true` takes one out; new ones follow. Inputs are merged
    property by property.
    """
    merged = {**parent, **{key: value for key, value in child.items() if key not in {"nodes", "inputs", "defaults"}}}
    merged["defaults"] = {**(parent.get("defaults") or {}), **(child.get("defaults") or {})}
    merged["inputs"] = _inputs(parent.get("inputs") or {}, child.get("inputs") or {})
    merged["nodes"] = _nodes(parent.get("nodes") or [], child.get("nodes") or [])
    return merged


def _inputs(parent: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    properties = {**(parent.get("properties") or {}), **(child.get("properties") or {})}
    required = list(dict.fromkeys([*(parent.get("required") or []), *(child.get("required") or [])]))
    return {"type": "object", **parent, **child, "properties": properties, "required": required}


def _nodes(parent: list[Any], child: list[Any]) -> list[Any]:
    own = {node["id"]: node for node in child if isinstance(node, Mapping) and "id" in node}
    known = {node.get("id") for node in parent if isinstance(node, Mapping)}
    merged = [{**node, **own.get(node.get("id"), {})} for node in parent if isinstance(node, Mapping)]
    merged += [node for node in child if not isinstance(node, Mapping) or node.get("id") not in known]
    return [node for node in merged if not (isinstance(node, Mapping) and node.get("remove"))]


def complete(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with the defaults put into the nodes, and without what is not the workflow's own."""
    defaults = values.get("defaults") or {}
    filled = {key: value for key, value in values.items() if key not in _OWN}
    nodes = values.get("nodes")
    if isinstance(nodes, list) and isinstance(defaults, Mapping):
        filled["nodes"] = [{**defaults, **node} if isinstance(node, Mapping) else node for node in nodes]
    return filled
