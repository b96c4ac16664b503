"""A plan: what the planner may answer, and what is wrong with an answer. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

MAX_TEXT_CHARS = 8_000


@dataclass(frozen=True, slots=True)
class Subtask:
    """One part of a request, worked on by one agent."""

    subtask_id: str
    title: str
    instruction: str
    depends_on: tuple[str, ...]
    tools: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A valid plan: acyclic, bounded, with known tools only."""

    subtasks: tuple[Subtask, ...]
    synthesis_instruction: str


def plan_parse(
    raw: Mapping[str, Any] | None, *, known_tools: Collection[str], max_subtasks: int
) -> tuple[Plan | None, list[str]]:
    """Read a planner's answer.

    Args:
        raw: `{"subtasks": [{"id", "title", "instruction", "depends_on", "tools"}], "synthesis_instruction"}`, or None
            when the model's text was not JSON at all.
        known_tools: Names that subtasks may list.
        max_subtasks: Widest plan that is accepted.

    Returns:
        The plan and no problems, or None and every problem found, each a sentence that a model can act on.
    """
    if raw is None:
        return None, ["The answer is not a JSON object."]
    listed = raw.get("subtasks")
    if not isinstance(listed, list) or not listed:
        return None, ["`subtasks` must be a list with at least one subtask."]
    if len(listed) > max_subtasks:
        return None, [f"The plan has {len(listed)} subtasks; at most {max_subtasks} are allowed: merge some."]
    problems: list[str] = []
    subtasks = [_subtask(item, number, known_tools, problems) for number, item in enumerate(listed, start=1)]
    whole = [subtask for subtask in subtasks if subtask is not None]
    if not problems:
        problems.extend(_graph_problems(whole))
    if problems:
        return None, problems
    return Plan(subtasks=tuple(whole), synthesis_instruction=str(raw.get("synthesis_instruction") or "")), []


def _subtask(item: Any, number: int, known_tools: Collection[str], problems: list[str]) -> Subtask | None:
    if not isinstance(item, dict):
        problems.append(f"Subtask {number} is not an object.")
        return None
    subtask_id = item.get("id")
    instruction = item.get("instruction")
    if not isinstance(subtask_id, str) or not subtask_id.strip() or len(subtask_id) > 64:
        problems.append(f"Subtask {number} needs an `id` of 1 to 64 characters.")
        return None
    if not isinstance(instruction, str) or not instruction.strip() or len(instruction) > MAX_TEXT_CHARS:
        problems.append(f"Subtask `{subtask_id}` needs an `instruction` of 1 to {MAX_TEXT_CHARS} characters.")
        return None
    depends_on = _names(item.get("depends_on"), f"`depends_on` of `{subtask_id}`", problems)
    tools = _names(item.get("tools"), f"`tools` of `{subtask_id}`", problems)
    unknown = [name for name in tools if name not in known_tools]
    if unknown:
        known = ", ".join(sorted(known_tools))
        problems.append(f"Subtask `{subtask_id}` names unknown tools {', '.join(unknown)}; known: {known}.")
    title = item.get("title")
    return Subtask(
        subtask_id=subtask_id,
        title=title.strip()[:200] if isinstance(title, str) and title.strip() else instruction.strip()[:80],
        instruction=instruction,
        depends_on=depends_on,
        tools=tools,
    )


def _names(value: Any, where: str, problems: list[str]) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        problems.append(f"{where} must be a list of strings.")
        return ()
    return tuple(dict.fromkeys(value))


def _graph_problems(subtasks: Sequence[Subtask]) -> list[str]:
    ids = [subtask.subtask_id for subtask in subtasks]
    duplicates = sorted({name for name in ids if ids.count(name) > 1})
    if duplicates:
        return [f"Ids are not unique: {', '.join(duplicates)}."]
    problems = [
        f"Subtask `{subtask.subtask_id}` depends on `{name}`, which does not exist."
        for subtask in subtasks
        for name in subtask.depends_on
        if name not in ids
    ]
    if problems:
        return problems
    try:
        TopologicalSorter({subtask.subtask_id: subtask.depends_on for subtask in subtasks}).prepare()
    except CycleError as error:
        return [f"The dependencies form a cycle: {' -> '.join(reversed(error.args[1]))}."]
    return []
