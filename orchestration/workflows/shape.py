"""What a template's YAML must look like before anything is merged into it: its outer form, and values that can be kept.

Everything else is checked once it is complete; this is what merging and the database rely on. Pure.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

Problem = tuple[str, str]
"""Where, as a path (`nodes.2.id`), and what is wrong there."""
_OBJECTS: Final = ("defaults", "inputs", "inputs.properties")
_LISTS: Final = ("nodes", "edges", "inputs.required")
_FLOAT_TAG: Final = "tag:yaml.org,2002:float"


def shape_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Tell what has not the outer form of a template; a part that is absent or null has it."""
    for path in _OBJECTS:
        if not isinstance(_at(values, path), Mapping | None):
            yield path, "must be an object"
    for path in _LISTS:
        if not isinstance(_at(values, path), list | None):
            yield path, "must be a list"
    nodes = values.get("nodes")
    seen: set[str] = set()
    for number, node in enumerate(nodes if isinstance(nodes, list) else ()):
        if not isinstance(node, Mapping):
            yield f"nodes.{number}", "must be an object"
        elif not isinstance(node.get("id"), str):
            yield f"nodes.{number}", "needs an id, a text"
        elif node["id"] in seen:
            yield f"nodes.{number}.id", f"there is another node {node['id'][:32]!r}"
        else:
            seen.add(node["id"])


def value_problems(key_path: str, node: yaml.Node) -> Iterator[Problem]:
    """Tell what in one YAML node cannot be kept, or is said twice."""
    if isinstance(node, yaml.ScalarNode):
        if "\x00" in node.value:
            yield key_path, "must not contain NUL characters"
        if node.tag == _FLOAT_TAG and not math.isfinite(yaml.SafeLoader("").construct_yaml_float(node)):
            yield key_path, "must be a finite number"
    elif isinstance(node, yaml.MappingNode):
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"{key_path}.{name}" if key_path else name, "is there twice"
        if any("\x00" in name for name in names):
            yield key_path, "must not contain NUL characters"


def _at(values: Mapping[str, Any], path: str) -> Any:
    value: Any = values
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
