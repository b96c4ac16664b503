"""JSON schemas of what tools return, in few words."""

from collections.abc import Mapping
from typing import Any, Final

Schema = Mapping[str, Any]
_NULLABLE: Final = "?"


def object_of(**fields: str | Schema) -> dict[str, Any]:
    """Return the schema of an object that has all of these fields.

    Args:
        **fields: Each a JSON type by name, `string?` for one that may be null, `any`, or a schema.
    """
    return {
        "type": "object",
        "properties": {name: _schema(field) for name, field in fields.items()},
        "required": list(fields),
        "additionalProperties": False,
    }


def list_of(item: str | Schema) -> dict[str, Any]:
    """Return the schema of a list of these."""
    return {"type": "array", "items": _schema(item)}


def _schema(field: str | Schema) -> Schema:
    if not isinstance(field, str):
        return field
    if field == "any":
        return {}
    name = field.removesuffix(_NULLABLE)
    return {"type": [name, "null"] if field.endswith(_NULLABLE) else name}


COLUMN: Final = object_of(name="string", type="string")
PROGRAM: Final = object_of(
    stdout="string", stderr="string", exit_code="integer?", outcome="string", files_changed=list_of("string")
)
