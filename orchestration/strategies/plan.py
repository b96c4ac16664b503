"""A plan: what the planner may answer, and what is wrong with an answer. Pure."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

MAX_TEXT_CHARS = 16_000  # a request may have 10,000, and a planner may hand it on as it is
TIERS: Final = ("small", "medium", "large")
FORMATS: Final = ("text", "json", "number", "list", "table")
_MAX_PARAMETERS_CHARS: Final = 4_000


@dataclass(frozen=True, slots=True)
class Subtask:
    """One part of a request, worked on by one agent.

    `role`, `tier` and `output_format` empty: nothing is asked for. `produces` and `consumes` are names of what is
    handed on; who consumes depends on who produces. `parameters`: values that tools are to be called with.
    """

    subtask_id: str
    title: str
    instruction: str
    depends_on: tuple[str, ...]
    tools: tuple[str, ...]
    role: str = ""
    tier: str = ""
    output_format: str = ""
    produces: tuple[str, ...] = ()
    consumes: tuple[str, ...] = ()
    parameters: Mapping[str, Any] | None = None

    @property
    def full_instruction(self) -> str:
        """The instruction with what is handed on and the tools' parameters."""
        parts = [self.instruction]
        if self.parameters:
            parts.append(f"Call the tools with these values: {json.dumps(self.parameters, ensure_ascii=False)}")
        if self.consumes:
            parts.append(f"You are given: {', '.join(self.consumes)} (in the results that you depend on).")
        if self.produces:
            parts.append(f"Hand on: {', '.join(self.produces)}. Name each in your answer.")
        return "\n\n".join(parts)


@dataclass(frozen=True, slots=True)
class Plan:
    """A valid plan: acyclic, bounded, with known tools and roles only."""

    subtasks: tuple[Subtask, ...]
    synthesis_instruction: str


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """What a plan may hold.

    Attributes:
        known_tools: Names that subtasks may list.
        known_roles: Roles that they may have; empty: any name is refused.
        max_subtasks: Widest plan that is accepted.
        may_depend: Whether subtasks may depend on each other.
    """

    known_tools: Collection[str]
    known_roles: Collection[str]
    max_subtasks: int
    may_depend: bool = True


def plan_parse(raw: Mapping[str, Any] | None, limits: PlanLimits) -> tuple[Plan | None, list[str]]:
    """Read a planner's answer.

    Args:
        raw: `{"subtasks": [{"id", "title", "instruction", "depends_on", "tools", …}], "synthesis_instruction"}` as
            `agents/planning/schema.py` has it, or None when the model's text was not JSON at all.
        limits: What is accepted.

    Returns:
        The plan and no problems, or None and every problem found, each a sentence that a model can act on.
    """
    if raw is None:
        return None, ["The answer is not a JSON object."]
    listed = raw.get("subtasks")
    if not isinstance(listed, list) or not listed:
        return None, ["`subtasks` must be a list with at least one subtask."]
    if len(listed) > limits.max_subtasks:
        return None, [f"The plan has {len(listed)} subtasks; at most {limits.max_subtasks} are allowed: merge some."]
    problems: list[str] = []
    subtasks = [_subtask(item, number, limits, problems) for number, item in enumerate(listed, start=1)]
    whole = [subtask for subtask in subtasks if subtask is not None]
    if not problems:
        whole = _joined(whole, problems)
    if not problems:
        problems.extend(_graph_problems(whole, limits))
    if problems:
        return None, problems
    return Plan(subtasks=tuple(whole), synthesis_instruction=str(raw.get("synthesis_instruction") or "")), []


def _subtask(item: Any, number: int, limits: PlanLimits, problems: list[str]) -> Subtask | None:
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
    tools = _names(item, "tools", problems)
    unknown = [name for name in tools if name not in limits.known_tools]
    if unknown:
        known = ", ".join(sorted(limits.known_tools))
        problems.append(f"Subtask `{subtask_id}` names unknown tools {', '.join(unknown)}; known: {known}.")
    title = item.get("title")
    return Subtask(
        subtask_id=subtask_id,
        title=title.strip()[:200] if isinstance(title, str) and title.strip() else instruction.strip()[:80],
        instruction=instruction,
        depends_on=_names(item, "depends_on", problems),
        tools=tools,
        role=_one_of(item, "role", limits.known_roles, problems),
        tier=_one_of(item, "tier", TIERS, problems),
        output_format=_one_of(item, "output_format", FORMATS, problems),
        produces=_names(item, "produces", problems),
        consumes=_names(item, "consumes", problems),
        parameters=_parameters(item, problems),
    )


def _names(item: Mapping[str, Any], field: str, problems: list[str]) -> tuple[str, ...]:
    value = item.get(field)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        problems.append(f"`{field}` of `{item['id']}` must be a list of strings.")
        return ()
    return tuple(dict.fromkeys(value))


def _one_of(item: Mapping[str, Any], field: str, known: Collection[str], problems: list[str]) -> str:
    value = item.get(field) or ""
    if value and value not in known:
        problems.append(
            f"`{field}` of `{item['id']}` is {str(value)[:60]!r}; it must be one of {', '.join(known)}, or empty."
        )
        return ""
    return str(value)


def _parameters(item: Mapping[str, Any], problems: list[str]) -> Mapping[str, Any] | None:
    """Return the tools' parameters: an object, or its JSON text (strict structured output has no free objects)."""
    value = item.get("parameters") or {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = None
    if not isinstance(value, dict) or len(str(value)) > _MAX_PARAMETERS_CHARS:
        problems.append(
            f"`parameters` of `{item['id']}` must be a JSON object of at most {_MAX_PARAMETERS_CHARS} characters."
        )
        return None
    return value or None


def _joined(subtasks: Sequence[Subtask], problems: list[str]) -> list[Subtask]:
    """Return the subtasks with a dependency on the producer of everything that they consume."""
    producers: dict[str, str] = {}
    for subtask in subtasks:
        for name in subtask.produces:
            if name in producers:
                problems.append(f"`{name}` is produced by both `{producers[name]}` and `{subtask.subtask_id}`.")
            producers.setdefault(name, subtask.subtask_id)
    for subtask in subtasks:
        missing = [name for name in subtask.consumes if name not in producers]
        problems.extend(f"`{subtask.subtask_id}` consumes `{name}`, which no subtask produces." for name in missing)
    if problems:
        return list(subtasks)
    return [
        replace(task, depends_on=tuple(dict.fromkeys((*task.depends_on, *(producers[name] for name in task.consumes)))))
        for task in subtasks
    ]


def _graph_problems(subtasks: Sequence[Subtask], limits: PlanLimits) -> list[str]:
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
    if not limits.may_depend:
        problems += [
            f"`{task.subtask_id}` depends on others; here all subtasks run at once."
            for task in subtasks
            if task.depends_on
        ]
    if problems:
        return problems
    try:
        TopologicalSorter({subtask.subtask_id: subtask.depends_on for subtask in subtasks}).prepare()
    except CycleError as error:
        return [f"The dependencies form a cycle: {' -> '.join(reversed(error.args[1]))}."]
    return []
