"""What an operation's answers are like: the schema of a tool's output, as far as its document says."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from agents.tools.openapi.documents import Document, mapping
from agents.tools.openapi.schemas import SchemaReader

_GOOD: Final = re.compile(r"2(?:[0-9][0-9]|XX)\Z")
_BODIES_MAX: Final = 5  # of different statuses
_NODES_MAX: Final = 400
_CHARACTERS_MAX: Final = 8_000
_PROBLEM: Final = {"type": "string", "description": "Where the body is not as the API's document says."}
_NEXT: Final = {"type": "object", "description": "The arguments that change for the next page."}


def returns_of(document: Document, operation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of what a tool of the operation gives back; empty: the document states no JSON body."""
    reader = SchemaReader(document, nodes_left=_NODES_MAX, characters_left=_CHARACTERS_MAX, is_answer=True)
    bodies: list[dict[str, Any]] = []
    for schema in _stated(document, mapping(operation.get("responses"))):
        body = reader.read(schema)
        if body not in bodies:
            bodies.append(body)
    if not bodies or {} in bodies or len(bodies) > _BODIES_MAX:
        return {}  # it may be anything
    return {
        "type": "object",
        "properties": {
            "status": {"type": "integer"},
            "body": bodies[0] if len(bodies) == 1 else {"anyOf": bodies},
            "problem": dict(_PROBLEM),
            "next_arguments": dict(_NEXT),
        },
        "required": ["status"],
    }


def _stated(document: Document, responses: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the schemas of the JSON bodies of what succeeds; None for one of which nothing is said."""
    for status, response in sorted(responses.items()):
        if not _GOOD.match(str(status)):
            continue
        content = mapping(document.resolved(response).get("content"))
        for media_type, media in content.items():
            kind = str(media_type).partition(";")[0].strip().lower()
            if kind.endswith("json"):
                yield mapping(media).get("schema")
