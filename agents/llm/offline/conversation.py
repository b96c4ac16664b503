"""What a model is given, read into the parts that the rules look at."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agents.llm.offline.workspace import WorkspaceFile, workspace_files

MARKER: Final = "[offline model]"
_DEPENDENCIES: Final = re.compile(r"^#{1,4} *Results you (?:depend|build) on.*$", re.IGNORECASE | re.MULTILINE)
_FILES: Final = re.compile(r"^#{1,4} *Files in the workspace.*$", re.IGNORECASE | re.MULTILINE)
_HEADING: Final = re.compile(r"^#{1,2} ", re.MULTILINE)
_NUDGE: Final = re.compile(r"There are no turns left for tools\.|Your message was empty\.")  # of `agents.loop`
_MARKED_LINE: Final = re.compile(r"^\[offline model\].*$\n?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Observation:
    """A tool call that was made for the current request, and what came of it."""

    tool: str
    arguments: Mapping[str, Any]
    ok: bool
    output: Any = None
    error_code: str = ""
    error_message: str = ""


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """A tool that may be called, with the names of its arguments, the required ones first."""

    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """Everything that the rules know when they are asked.

    Attributes:
        instruction: The last user message without the sections below.
        dependencies: The text of "Results you depend on"; empty without.
        files: The workspace's files, from the section of the last user message or of the system prompt.
        tools: Tools by name.
        history: `(role, text)` of everything before the last user message, without system messages.
        observations: Tool calls since the last user message.
    """

    instruction: str
    dependencies: str
    files: tuple[WorkspaceFile, ...]
    tools: Mapping[str, OfferedTool]
    history: tuple[tuple[str, str], ...]
    observations: tuple[Observation, ...]

    def observed(self, tool: str) -> tuple[Observation, ...]:
        """Return what came of the calls of one tool, in order."""
        return tuple(observation for observation in self.observations if observation.tool == tool)

    @property
    def tables(self) -> tuple[WorkspaceFile, ...]:
        """The files that hold rows and columns."""
        return tuple(file for file in self.files if file.is_table)


def message_text(message: Mapping[str, Any]) -> str:
    """Return a message's text; parts that are no text are left out."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content if isinstance(part, Mapping))


def turn_read(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> Turn:
    """Read a conversation in the OpenAI format."""
    last_user = max((i for i, message in enumerate(messages) if _is_request(message)), default=-1)
    user_text = message_text(messages[last_user]) if last_user >= 0 else ""
    system_text = "\n".join(message_text(message) for message in messages if message.get("role") == "system")
    instruction, sections = _split_sections(user_text)
    history = tuple(
        (str(message["role"]), _MARKED_LINE.sub("", message_text(message)).strip())
        for message in messages[: max(0, last_user)]
        if message.get("role") in {"user", "assistant"} and message_text(message)
    )
    return Turn(
        instruction=instruction,
        dependencies=_section(sections, _DEPENDENCIES, until=_FILES),
        files=workspace_files(_section(sections, _FILES) or _section(system_text, _FILES)),
        tools={tool.name: tool for tool in map(_offered, tools)},
        history=history,
        observations=_observations(messages[last_user + 1 :]),
    )


def _is_request(message: Mapping[str, Any]) -> bool:
    """Return whether a message asks for something, rather than telling the model to come to an end."""
    return message.get("role") == "user" and not _NUDGE.match(message_text(message))


def _split_sections(text: str) -> tuple[str, str]:
    starts = [found.start() for found in (_DEPENDENCIES.search(text), _FILES.search(text)) if found]
    cut = min(starts, default=len(text))
    return text[:cut].strip(), text[cut:]


def _section(text: str, heading: re.Pattern[str], until: re.Pattern[str] = _HEADING) -> str:
    found = heading.search(text)
    if found is None:
        return ""
    rest = text[found.end() :]
    end = until.search(rest)
    return rest[: end.start() if end else None].strip()


def _offered(tool: Mapping[str, Any]) -> OfferedTool:
    function = tool.get("function") or {}
    parameters = function.get("parameters") or {}
    required = list(parameters.get("required") or ())
    others = [name for name in parameters.get("properties") or {} if name not in required]
    return OfferedTool(str(function.get("name")), (*required, *others))


def _observations(messages: Sequence[Mapping[str, Any]]) -> tuple[Observation, ...]:
    asked: dict[str, tuple[str, Mapping[str, Any]]] = {}
    found: list[Observation] = []
    for message in messages:
        for call in message.get("tool_calls") or ():
            function = call["function"]
            asked[call["id"]] = (function["name"], _object(function.get("arguments") or ""))
        if message.get("role") == "tool":
            name, arguments = asked.get(str(message.get("tool_call_id")), (str(message.get("name") or ""), {}))
            found.append(_observation(name, arguments, message_text(message)))
    return tuple(found)


def _observation(tool: str, arguments: Mapping[str, Any], text: str) -> Observation:
    try:
        value = json.loads(text)
    except ValueError:
        return Observation(tool, arguments, ok=True, output=text)
    if not isinstance(value, dict) or "ok" not in value:
        return Observation(tool, arguments, ok=True, output=value)
    if value["ok"]:
        return Observation(tool, arguments, ok=True, output=value.get("output"))
    error = value.get("error") or {}
    code, message = str(error.get("code") or "ERROR"), str(error.get("message") or "no reason was given")
    return Observation(tool, arguments, ok=False, error_code=code, error_message=message)


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
