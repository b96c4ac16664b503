"""The form of messages and tools that a caller hands on. Pure.

What they say is the provider's to judge. Their form is checked here: what a provider's adapter stumbles over would look
like a failure of the provider, and shut its lane for everybody.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final


class FormWrong(ValueError):
    """It has not the form of OpenAI's chats; the message says what and where. The caller's fault."""


_ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function")
_FUNCTION: Final = "function"


def messages_check(messages: Sequence[Mapping[str, Any]]) -> None:
    """Check the form of messages.

    Raises:
        FormWrong: One has not the form of OpenAI's chats; it says which, and where (the caller's fault).
    """
    for number, message in enumerate(messages):
        place = f"messages.{number}"
        if message.get("role") not in _ROLES:
            raise FormWrong(f"{place}.role must be one of {', '.join(_ROLES)}")
        _content_check(message, place)
        if message.get("tool_calls") is not None:
            _calls_check(message["tool_calls"], f"{place}.tool_calls")
        for name in ("name", "tool_call_id"):
            if message.get(name) is not None and not isinstance(message[name], str):
                raise FormWrong(f"{place}.{name} must be a text")


def tools_check(tools: Sequence[Mapping[str, Any]]) -> None:
    """Take functions of the caller only: a provider's own tools would go round every policy.

    Raises:
        FormWrong: One is none (the caller's fault).
    """
    for tool in tools:
        if tool.get("type") != _FUNCTION:
            raise FormWrong("only tools of the type function are handed on")
        function = _named(tool.get(_FUNCTION))
        if function is None:
            raise FormWrong("each tool is a function with a name")
        parameters = function.get("parameters")
        if parameters is not None and not isinstance(parameters, Mapping):
            raise FormWrong(f"the parameters of {function['name'][:64]} must be a JSON schema")


def tool_choice_check(choice: Any) -> None:
    """Take a word, or one of the caller's functions.

    Raises:
        FormWrong: It names something else (the caller's fault).
    """
    if isinstance(choice, Mapping) and (choice.get("type") != _FUNCTION or _named(choice.get(_FUNCTION)) is None):
        raise FormWrong("must be none, auto, required, or a function by its name")


def _content_check(message: Mapping[str, Any], place: str) -> None:
    content = message.get("content")
    if content is None and message["role"] in {"assistant", _FUNCTION}:
        return
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise FormWrong(f"{place}.content must be a text or a list of parts")
    for number, part in enumerate(content):
        if not isinstance(part, Mapping) or not isinstance(part.get("type"), str):
            raise FormWrong(f"{place}.content.{number} must be an object with a type")
        if part["type"] == "text" and not isinstance(part.get("text"), str):
            raise FormWrong(f"{place}.content.{number}.text must be a text")
        if part["type"] == "image_url" and not _is_picture(part.get("image_url")):
            raise FormWrong(f"{place}.content.{number}.image_url must be an object with a url")


def _calls_check(calls: Any, place: str) -> None:
    if not isinstance(calls, list):
        raise FormWrong(f"{place} must be a list")
    for number, call in enumerate(calls):
        function = _named(call.get(_FUNCTION)) if isinstance(call, Mapping) else None
        if function is None or not isinstance(function.get("arguments"), str):
            raise FormWrong(f"{place}.{number} must be a call of a function with its name, and arguments as a text")
        if not isinstance(call.get("id"), str):
            raise FormWrong(f"{place}.{number}.id must be a text")


def _named(function: Any) -> Mapping[str, Any] | None:
    """Return a function that has a name; None: it is none."""
    is_named = isinstance(function, Mapping) and isinstance(function.get("name"), str) and bool(function["name"])
    return function if is_named else None


def _is_picture(picture: Any) -> bool:
    return isinstance(picture, str) or (isinstance(picture, Mapping) and isinstance(picture.get("url"), str))
