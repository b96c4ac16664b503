"""How large a request may be."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings

from orchestration.types import TaskRequest
from shannon_project.foundation.errors import InvalidInput

_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # the escape of NUL, not a backslash followed by letters
JSON_MAX_DEPTH: Final = 64  # of what callers send along; nobody needs more, and deep values cost stack everywhere


def query_check(request: TaskRequest) -> None:
    """Refuse a query that is empty, too long or cannot be stored, and a context that is too large.

    Raises:
        InvalidInput: The caller's fault; says which limit, and how much was sent.
    """
    if not request.query.strip():
        raise InvalidInput("query: must not be empty.")
    limit = settings.SHANNON_QUERY_MAX_CHARS
    if len(request.query) > limit:
        raise InvalidInput(f"query: has {len(request.query)} characters; at most {limit} are allowed.")
    if "\x00" in request.query:
        raise InvalidInput("query: must not contain NUL characters.")
    json_check("context", request.context)


def json_check(name: str, value: Mapping[str, Any]) -> None:
    """Refuse a JSON value that is too deep, too large or cannot be stored.

    Args:
        name: The field, for the message.
        value: What was sent.

    Raises:
        InvalidInput: The caller's fault.
    """
    if _depth_exceeds(value, JSON_MAX_DEPTH):
        raise InvalidInput(f"{name}: is nested more than {JSON_MAX_DEPTH} levels deep.")
    text = json.dumps(value, ensure_ascii=False)
    if _NUL.search(text):
        raise InvalidInput(f"{name}: must not contain NUL characters.")
    size_bytes = len(text.encode(errors="replace"))
    if size_bytes > settings.SHANNON_CONTEXT_MAX_BYTES:
        raise InvalidInput(f"{name}: has {size_bytes} bytes; at most {settings.SHANNON_CONTEXT_MAX_BYTES} are allowed.")


def _depth_exceeds(value: Any, limit: int) -> bool:
    """Tell whether a JSON value has more levels than that; without recursion, which deep values would exhaust."""
    level: list[Any] = [value]
    for _ in range(limit):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True
