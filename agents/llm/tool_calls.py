"""Tool calls as all providers should give them: an id each, the tool's own name, arguments that are a JSON object.

What is mended is how it is written, never what it says: a call that was cut off stays broken, and the model is told.
"""

import ast
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from agents.llm.types import ToolCall

_FENCE: Final = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n?```\s*\Z", re.DOTALL | re.IGNORECASE)
_TRAILING_COMMA: Final = re.compile(r",(\s*[}\]])")
_LITERAL_MAX_CHARACTERS: Final = 20_000  # Python's parser is not given more of what a model wrote


def normalised(calls: Sequence[ToolCall], tools: Sequence[Mapping[str, Any]]) -> tuple[ToolCall, ...]:
    """Return the calls with ids that differ, names as they were offered, and arguments that can be read if they can be.

    Args:
        calls: As a provider gave them.
        tools: What the model was offered, in the OpenAI format.
    """
    names = {str(tool.get("function", {}).get("name", "")) for tool in tools}
    seen: set[str] = set()
    mended = []
    for place, call in enumerate(calls):
        own_id = call.id if call.id and call.id not in seen else f"call_{place}_{len(seen)}"
        seen.add(own_id)
        mended.append(replace(call, id=own_id, name=_name(call.name, names), arguments_json=_arguments(call)))
    return tuple(mended)


def _name(name: str, offered: set[str]) -> str:
    """Return the offered name that is meant; what is none stays, and the model is told that there is no such tool."""
    if name in offered:
        return name
    bare = name.strip().removeprefix("functions.").removeprefix("function.")
    alike = [known for known in offered if known.lower() == bare.lower()]
    return alike[0] if len(alike) == 1 else name


def _arguments(call: ToolCall) -> str:
    text = call.arguments_json.strip()
    if not text:
        return "{}"
    if _object(text) is not None:
        return call.arguments_json
    fenced = _FENCE.match(text)
    bare = fenced.group(1) if fenced else text
    for candidate in (bare, _TRAILING_COMMA.sub(r"\1", bare), _inner(bare)):
        if _object(candidate) is not None:
            return candidate
    literal = _literal(bare)
    return call.arguments_json if literal is None else json.dumps(literal, ensure_ascii=False)


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _inner(text: str) -> str:
    """Return the text of a JSON string that holds JSON; some models encode twice."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    return value if isinstance(value, str) else ""


def _literal(text: str) -> dict[str, Any] | None:
    """Return a Python dictionary of plain values, which some models write in place of JSON."""
    if len(text) > _LITERAL_MAX_CHARACTERS or not text.startswith("{"):
        return None
    try:
        value = ast.literal_eval(text)
        json.dumps(value)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None
    return value if isinstance(value, dict) and all(isinstance(key, str) for key in value) else None
