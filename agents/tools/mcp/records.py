"""What is kept of a foreign server's tool: fit to be stored, shown to models, and compared with arguments."""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from agents.journal.bounds import bounded_text, storable_json
from agents.tools.mcp.base import ToolRecord
from agents.tools.patterns import without_patterns
from agents.tools.validation import schema_problem
from agents.types import Json

NAME_MAX_CHARACTERS: Final = 200
_DESCRIPTION_CHARACTERS: Final = 2_000
_SCHEMA_MAX_CHARACTERS: Final = 16_000
_ANYTHING: Final[Mapping[str, Any]] = {"type": "object"}
_ANCHORS: Final = frozenset({"$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef", "$vocabulary"})


def record_of(
    name: str,
    description: str,
    schema: Mapping[str, Any],
    *,
    returns: Mapping[str, Any] | None = None,
    read_only: bool | None,
    destructive: bool | None,
    idempotent: bool | None,
) -> ToolRecord:
    """Return the record; what a server does not say (None) counts as the specification has it: it may destroy.

    Of an output schema that cannot be used nothing is kept: then the output is not known.
    """
    stored, _ = storable_json({"name": name, "description": bounded_text(description or name, _DESCRIPTION_CHARACTERS)})
    return ToolRecord(
        name=stored["name"],
        description=stored["description"],
        parameters=schema_kept(schema),
        returns=(_usable(returns) if returns else None) or {},
        read_only=bool(read_only),
        destructive=not read_only and destructive is not False,
        idempotent=bool(read_only or idempotent),
    )


def schema_kept(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a foreign schema of arguments without its regular expressions, which may take for ever.

    One that is huge, is no schema, or refers to what is not in it says only `object`: providers would refuse it, and
    with it every call of a model that is offered the tool. The server checks by its own schema all the same.
    """
    kept = _usable({"type": "object", **schema})
    return kept if kept is not None and kept["type"] == "object" else dict(_ANYTHING)


def _usable(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a foreign schema as it is kept; None: it cannot be used."""
    if len(json.dumps(schema)) > _SCHEMA_MAX_CHARACTERS:
        return None
    plain, _ = storable_json(json_plain(dict(schema)))
    if schema_problem(plain) or not _refers_inside(plain, plain):
        return None
    return without_patterns(plain)


def json_plain(value: Json) -> Any:
    """Return a JSON value with null in place of numbers that are none: not every reader of JSON refuses them."""
    return json.loads(json.dumps(value), parse_constant=lambda _: None)


def _refers_inside(value: Any, root: Mapping[str, Any]) -> bool:
    """Tell whether every reference names something in the schema itself, by its path."""
    if isinstance(value, list):
        return all(_refers_inside(item, root) for item in value)
    if not isinstance(value, Mapping):
        return True
    if any(isinstance(value.get(name), str) for name in _ANCHORS):
        return False
    reference = value.get("$ref")
    if isinstance(reference, str) and not _is_in(root, reference):
        return False
    return all(_refers_inside(inner, root) for inner in value.values())


def _is_in(root: Any, reference: str) -> bool:
    if reference != "#" and not reference.startswith("#/"):
        return False
    for part in reference.split("/")[1:]:
        name = unquote(part).replace("~1", "/").replace("~0", "~")
        if isinstance(root, list):
            root = root[int(name)] if name.isdecimal() and name.isascii() and int(name) < len(root) else None
        else:
            root = root.get(name) if isinstance(root, Mapping) else None
    return isinstance(root, Mapping | bool)
