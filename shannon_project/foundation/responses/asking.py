"""Items, tools and formats of the Responses API as a chat has them.

Source: "Responses", platform.openai.com/docs/api-reference/responses, and the types of the package openai 2.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from shannon_project.foundation.errors import InvalidInput

_ROLES: Final = frozenset({"system", "developer", "user", "assistant"})
_TEXTS: Final = frozenset({"input_text", "output_text", "text"})

Item = Mapping[str, Any]


def chat_messages(asked: str | Sequence[Any], instructions: str | None = None) -> list[dict[str, Any]]:
    """Return `input` and `instructions` as messages of a chat.

    Calls of functions become part of the assistant's message before them, and what they gave a message of a tool.

    Raises:
        InvalidInput: An item is of a kind that is not taken, or not complete; `details.field` (the caller's fault).
    """
    messages: list[dict[str, Any]] = [{"role": "system", "content": instructions}] if instructions else []
    if isinstance(asked, str):
        return [*messages, {"role": "user", "content": asked}]
    for number, item in enumerate(asked):
        place = f"input.{number}"
        if not isinstance(item, Mapping):
            raise _wrong(place, "must be an object")
        kind = item.get("type", "message")
        add = _KINDS.get(kind) if isinstance(kind, str) else None
        if add is None:
            raise _wrong(f"{place}.type", f"{str(kind)[:50]} is not taken: one of {', '.join(_KINDS)}")
        add(messages, item, place)
    return messages


def chat_tools(tools: Sequence[Any]) -> list[dict[str, Any]]:
    """Return functions as a chat offers them.

    Raises:
        InvalidInput: A tool is none of the caller's functions: a provider's own would go round every policy.
    """
    offered = []
    for number, tool in enumerate(tools):
        if not isinstance(tool, Mapping) or tool.get("type") != "function":
            raise _wrong(f"tools.{number}.type", "only tools of the type function are handed on")
        if not isinstance(tool.get("name"), str) or not tool["name"]:
            raise _wrong(f"tools.{number}.name", "must be the function's name")
        names = ("name", "description", "parameters", "strict")
        offered.append({"type": "function", "function": {name: tool[name] for name in names if _is_given(tool, name)}})
    return offered


def chat_tool_choice(choice: str | Mapping[str, Any] | None) -> str | dict[str, Any] | None:
    """Return which tool is to be called as a chat says it.

    Raises:
        InvalidInput: It names something else than a function (the caller's fault).
    """
    if choice is None or isinstance(choice, str):
        return choice
    if choice.get("type") != "function" or not isinstance(choice.get("name"), str):
        raise _wrong("tool_choice", "must be none, auto, required, or a function by its name")
    return {"type": "function", "function": {"name": choice["name"]}}


def chat_format(text: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return `text.format` as a chat's `response_format`; None: plain text.

    Raises:
        InvalidInput: It is no format, or `text` says something else (the caller's fault).
    """
    if text is None:
        return None
    if unknown := sorted(str(name)[:100] for name in text if name != "format" and text[name] is not None):
        raise _wrong(f"text.{unknown[0]}", "is not available here; text takes format")
    form = text.get("format")
    if form is None:
        return None
    kind = form.get("type") if isinstance(form, Mapping) else None
    if kind == "text":
        return None
    if kind == "json_object":
        return {"type": "json_object"}
    if kind == "json_schema":
        return {"type": kind, kind: {name: value for name, value in form.items() if name != "type"}}
    raise _wrong("text.format.type", "must be text, json_object or json_schema")


def _message(messages: list[dict[str, Any]], item: Item, place: str) -> None:
    role = item.get("role")
    if role not in _ROLES:
        raise _wrong(f"{place}.role", f"must be one of {', '.join(sorted(_ROLES))}")
    messages.append({"role": role, "content": _content(item.get("content"), f"{place}.content")})


def _call(messages: list[dict[str, Any]], item: Item, place: str) -> None:
    function = {"name": _text(item, "name", place), "arguments": _text(item, "arguments", place)}
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": None})
    call = {"id": _text(item, "call_id", place), "type": "function", "function": function}
    messages[-1].setdefault("tool_calls", []).append(call)


def _call_output(messages: list[dict[str, Any]], item: Item, place: str) -> None:
    content = _content(item.get("output"), f"{place}.output")
    messages.append({"role": "tool", "tool_call_id": _text(item, "call_id", place), "content": content})


_KINDS: Final[Mapping[str, Callable[[list[dict[str, Any]], Item, str], None]]] = {
    "message": _message,
    "function_call": _call,
    "function_call_output": _call_output,
}


def _content(content: Any, place: str) -> str | list[dict[str, Any]]:
    """Return content as a chat has it: one text where there are only texts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        raise _wrong(place, "must be text or a list of parts")
    parts = [_part(part, f"{place}.{number}") for number, part in enumerate(content)]
    if all(part["type"] == "text" for part in parts):
        return "\n".join(part["text"] for part in parts)
    return parts


def _part(part: Any, place: str) -> dict[str, Any]:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind in _TEXTS:
        return {"type": "text", "text": _text(part, "text", place)}
    if kind == "input_image":
        picture = {"url": _text(part, "image_url", place)}
        return {"type": "image_url", "image_url": picture | ({"detail": part["detail"]} if part.get("detail") else {})}
    raise _wrong(f"{place}.type", "only input_text, output_text and input_image are taken")


def _text(item: Item, name: str, place: str) -> str:
    value = item.get(name)
    if not isinstance(value, str):
        raise _wrong(f"{place}.{name}", "must be a text")
    return value


def _is_given(values: Item, name: str) -> bool:
    return values.get(name) is not None


def _wrong(field: str, why: str) -> InvalidInput:
    return InvalidInput(f"{field}: {why}.", details={"field": field})
