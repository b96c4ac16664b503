"""What a form asks, read from its prompt's sections."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agents.llm.offline.conversation import MARKER, OfferedTool, Turn, message_text
from agents.llm.offline.results import ListedResult, results_in
from agents.llm.offline.skills import final_answer
from agents.llm.offline.skills.expressions import calculations_in
from agents.llm.offline.wording import is_unreadable
from agents.llm.offline.workspace import WorkspaceFile, workspace_files
from agents.tools.arithmetic import evaluate
from shannon_project.foundation.errors import ShannonError

_HEADING: Final = re.compile(r"^## (?P<name>[^\n]+)\n", re.MULTILINE)
_TOOL_LINE: Final = re.compile(r"^- (?P<name>[\w.-]+)\s*:", re.MULTILINE)
BY_RULES: Final = f"{MARKER} by rules"


@dataclass(frozen=True, slots=True)
class Asked:
    """A form's material: the request, the task, further sections by heading, and the listed results."""

    query: str
    task: str
    sections: Mapping[str, str]
    results: tuple[ListedResult, ...]

    @property
    def files(self) -> tuple[WorkspaceFile, ...]:
        """The workspace's files."""
        return tuple(workspace_files(self.sections.get("Files in the workspace", "")))

    @property
    def tools(self) -> tuple[str, ...]:
        """Names of the tools that are listed."""
        return tuple(_TOOL_LINE.findall(self.sections.get("Tools", "")))

    def number(self, pattern: str, default: int) -> int:
        """Return the first number that a pattern finds in the task or the limits."""
        found = re.search(pattern, f"{self.task}\n{self.sections.get('Limits', '')}")
        return int(found.group(1)) if found else default


def asked_in(messages: Sequence[Mapping[str, Any]]) -> Asked:
    """Read the first user message that has a request; what follows it are repairs."""
    users = [message_text(message) for message in messages if message.get("role") == "user"]
    text = next((text for text in reversed(users) if text.startswith("## Request\n")), users[-1] if users else "")
    head, marker, tail = text.partition("\n## Results\n")
    starts = list(_HEADING.finditer(head))
    sections: dict[str, str] = {}
    for position, start in enumerate(starts):
        end = starts[position + 1].start() if position + 1 < len(starts) else len(head)
        sections.setdefault(start["name"].strip(), head[start.end() : end].strip())
    results = tuple(results_in(tail)) if marker else ()
    return Asked(sections.get("Request", ""), sections.get("Task", ""), sections, results)


def worked_out(query: str) -> str:
    """Return a calculation's result as a sentence; empty when the request is none."""
    if is_unreadable(query):
        return ""
    lines = []
    for found in calculations_in(query):
        try:
            lines.append(f"`{found.expression}` = **{evaluate(found.expression)}**")
        except ShannonError:
            return ""
    return "\n".join(lines)


def plain_answer(query: str) -> str:
    """Return what the rules answer without tools."""
    return worked_out(query) or final_answer(turn_of(query))


def turn_of(query: str, tools: Mapping[str, OfferedTool] | None = None, files: tuple[WorkspaceFile, ...] = ()) -> Turn:
    """Return the turn of an agent that is asked this."""
    return Turn(instruction=query, dependencies="", files=files, tools=tools or {}, history=(), observations=())


def marked(text: str) -> str:
    """Say what wrote it, on a line of its own."""
    return f"{MARKER} answered by rules, not by a language model.\n\n{text}"
