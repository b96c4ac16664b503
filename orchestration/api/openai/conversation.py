"""A conversation in OpenAI's format as a task takes it: earlier turns, what the system says, and the question. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings

from agents.types import MessageRole
from orchestration.errors import UnsupportedOption
from shannon_project.foundation.errors import InvalidInput

_ROLES: Final = {
    "system": MessageRole.SYSTEM,
    "developer": MessageRole.SYSTEM,
    "user": MessageRole.USER,
    "assistant": MessageRole.ASSISTANT,
}
_NAMES: Final = frozenset({"role", "content", "name", "refusal"})


@dataclass(frozen=True, slots=True)
class Conversation:
    """`turns` are `(role, content)`, oldest first, without the system's words and the question."""

    turns: tuple[tuple[str, str], ...]
    system: str
    question: str


def conversation_of(messages: Sequence[Any]) -> Conversation:
    """Read the messages of a request.

    Raises:
        InvalidInput: They are not a conversation that ends with a question, or the system says too much.
        UnsupportedOption: They hold pictures, files or tool calls, which `shannon-*` models do not take.
    """
    read = [_message(message, f"messages.{number}") for number, message in enumerate(messages)]
    if not read or read[-1][0] != MessageRole.USER or not read[-1][1].strip():
        raise InvalidInput("messages: the last one must be the user's, with text.", details={"field": "messages"})
    system = "\n\n".join(content for role, content in read if role == MessageRole.SYSTEM)
    limit = settings.SHANNON_HISTORY_MESSAGE_MAX_CHARACTERS
    if len(system) > limit:
        raise InvalidInput(
            f"messages: the system's words have {len(system)} characters; at most {limit} are allowed.",
            details={"field": "messages"},
        )
    turns = tuple((role, content) for role, content in read[:-1] if role != MessageRole.SYSTEM and content)
    return Conversation(turns, system, read[-1][1])


def _message(message: Any, place: str) -> tuple[str, str]:
    if not isinstance(message, Mapping):
        raise InvalidInput(f"{place}: must be an object.", details={"field": place})
    role = message.get("role")
    if role in ("tool", "function") or message.get("tool_calls"):
        raise UnsupportedOption(
            f"{place}: a shannon-* model calls the platform's tools by itself; name a tier or a model of the catalogue "
            "to bring your own.",
            details={"field": place},
        )
    if role not in _ROLES:
        raise InvalidInput(f"{place}.role: must be one of {', '.join(_ROLES)}.", details={"field": f"{place}.role"})
    if strangers := sorted(str(name) for name in message if name not in _NAMES and message[name] is not None):
        raise InvalidInput(f"{place}: unknown field: {', '.join(strangers)[:200]}.", details={"unknown": strangers})
    return _ROLES[role], _text(message.get("content"), f"{place}.content")


def _text(content: Any, place: str) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise InvalidInput(f"{place}: must be text or a list of parts.", details={"field": place})
    texts = []
    for part in content:
        if not isinstance(part, Mapping) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            raise UnsupportedOption(f"{place}: only parts of the type text are taken.", details={"field": place})
        texts.append(part["text"])
    return "\n".join(texts)
