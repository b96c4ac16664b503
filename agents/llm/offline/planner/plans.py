"""Makes a plan in the asked form of a planning prompt, or repairs one."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from agents.llm.offline.conversation import OfferedTool, Turn, message_text
from agents.llm.offline.planner.clauses import sequential_clauses, several_commands, several_questions
from agents.llm.offline.planner.enumerations import listed_lines, named_files, named_things
from agents.llm.offline.planner.groups import table_groups
from agents.llm.offline.planner.parts import Part, SplittingRule, part_of
from agents.llm.offline.planner.repair import plan_repaired
from agents.llm.offline.skills import tools_needed
from agents.llm.offline.wording import is_unreadable
from agents.llm.offline.workspace import WorkspaceFile, workspace_files

_RULES: Final[tuple[SplittingRule, ...]] = (
    listed_lines,
    table_groups,
    sequential_clauses,
    named_files,
    named_things,
    several_questions,
    several_commands,
)
NOTHING_MORE: Final[Mapping[str, Any]] = {
    "parameters": "{}",
    "role": "",
    "tier": "",
    "output_format": "",
    "produces": [],
    "consumes": [],
}
"""What the rules have no opinion on: the planner's form wants every field."""
_MAX_PARTS: Final = re.compile(r"\bat most (\d+)")
_TOOL_LINE: Final = re.compile(r"^- (?P<name>[\w.-]+)\s*:", re.MULTILINE)
_PLAN_FEEDBACK: Final = re.compile(
    r"\AA person looked at the plan above and says:\s*(.*?)\s*^Answer with", re.DOTALL | re.MULTILINE
)
_PLAN_REPAIR: Final = re.compile(r"cannot be carried out|corrected plan", re.IGNORECASE)


def plan_answer(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the plan for a planning prompt as JSON text."""
    system = "\n".join(message_text(message) for message in messages if message.get("role") == "system")
    said = [message_text(message) for message in messages if message.get("role") == "user"]
    users = [text for text in said if not _PLAN_FEEDBACK.match(text)]
    limit = _MAX_PARTS.search(system)
    max_parts = max(1, int(limit.group(1))) if limit else 20
    tools = tuple(_TOOL_LINE.findall(_section(system, "Tools")))
    files = workspace_files(_section(system, "Files in the workspace"))
    is_repair = len(users) >= 2 and bool(_PLAN_REPAIR.search(users[-1]))
    query = users[-2] if is_repair else (users[-1] if users else "")
    fresh = plan_made(query, files=files, tools=tools, max_parts=max_parts)
    if is_repair:
        previous = next((message_text(m) for m in reversed(messages) if m.get("role") == "assistant"), "")
        fresh = plan_repaired(previous, fallback=fresh, tools=tools, max_parts=max_parts)
    elif said and (feedback := _PLAN_FEEDBACK.match(said[-1])):
        previous = next((message_text(m) for m in reversed(messages) if m.get("role") == "assistant"), "")
        fresh = plan_repaired(previous, fallback=fresh, tools=tools, max_parts=max_parts)
        wish = part_of(feedback.group(1))
        if len(fresh["subtasks"]) < max_parts:
            fresh["subtasks"].append(_subtask(len(fresh["subtasks"]), wish, files, tools))
    return json.dumps(fresh, ensure_ascii=False)


def plan_made(query: str, *, files: Sequence[WorkspaceFile], tools: Sequence[str], max_parts: int) -> dict[str, Any]:
    """Return a plan: the first rule that finds at least two parts decides, else the request is one part."""
    parts: list[Part] = []
    if max_parts > 1 and not is_unreadable(query):
        parts = next((found for rule in _RULES if len(found := rule(query, files, max_parts)) >= 2), [])
    parts = _narrowed(parts or [part_of(query)], max_parts)
    subtasks = [_subtask(position, part, files, tools) for position, part in enumerate(parts)]
    return {"subtasks": subtasks, "synthesis_instruction": _synthesis_instruction(query, len(parts))}


def _subtask(position: int, part: Part, files: Sequence[WorkspaceFile], tools: Sequence[str]) -> dict[str, Any]:
    return {
        "id": f"s{position + 1}",
        "title": part.title,
        "instruction": part.instruction,
        "depends_on": [f"s{earlier + 1}" for earlier in part.after],
        "tools": _tools_for(part, files, tools),
        **NOTHING_MORE,
    }


def _narrowed(parts: list[Part], max_parts: int) -> list[Part]:
    """Join neighbours until there are at most so many parts."""
    if len(parts) <= max_parts:
        return parts
    size = -(-len(parts) // max_parts)
    chunks = [parts[start : start + size] for start in range(0, len(parts), size)]
    return [
        Part(
            chunk[0].title,
            "Do all of these:\n" + "\n".join(f"{number}. {part.instruction}" for number, part in enumerate(chunk, 1)),
            tuple(sorted({earlier // size for part in chunk for earlier in part.after} - {position})),
        )
        for position, chunk in enumerate(chunks)
    ]


def _tools_for(part: Part, files: Sequence[WorkspaceFile], tools: Sequence[str]) -> list[str]:
    turn = Turn(
        instruction=part.instruction,
        dependencies="(to come)" if part.after else "",
        files=tuple(files),
        tools={name: OfferedTool(name, ()) for name in tools},
        history=(),
        observations=(),
    )
    needed = tools_needed(turn)
    return [name for name in tools if name in needed]


def _synthesis_instruction(query: str, part_count: int) -> str:
    form = (
        "Give the one result." if part_count == 1 else "Put results that measure the same into one table, a row each."
    )
    return f"{form} Then answer what was asked: {' '.join(query.split())} (Planned by the offline model's rules.)"


def _section(text: str, title: str) -> str:
    found = re.search(rf"^#+ *{title} *$", text, re.MULTILINE | re.IGNORECASE)
    if found is None:
        return ""
    rest = text[found.end() :]
    end = re.search(r"^## ", rest, re.MULTILINE)
    return rest[: end.start() if end else None].strip()
