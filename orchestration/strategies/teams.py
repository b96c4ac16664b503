"""What a lead decides, made safe: known roles and tools, bounded numbers, dependencies that cannot form a cycle."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from orchestration.strategies.base import Finish, Move, Told
from orchestration.strategies.making import StepMaker
from orchestration.strategies.reading import failed_of, move_of
from orchestration.types import EventKind, StepKind, StepSpec, TaskView

_NOT_IN_NAMES: Final = re.compile(r"[^\w.-]+")
FALLBACK_ROLE: Final = "generalist"
LEAD: Final = "lead"
SYNTHESIS_KEY: Final = "synthesize"


@dataclass(frozen=True, slots=True)
class TeamTask:
    """A task on the team's list. `status`: open, done or failed. `depends_on` names tasks listed before it."""

    task_id: str
    title: str
    instruction: str
    owner: str
    role: str
    tools: tuple[str, ...]
    depends_on: tuple[str, ...]
    status: str = "open"

    def as_json(self) -> dict[str, Any]:
        """Return it as events show it."""
        return {"id": self.task_id, "title": self.title, "owner": self.owner, "role": self.role, "status": self.status}


@dataclass(frozen=True, slots=True)
class Admission:
    """Which of a lead's tasks are taken, who is new in the team, and what was refused and why."""

    tasks: tuple[TeamTask, ...]
    recruited: Mapping[str, str]
    refused: tuple[str, ...]


def admit(
    value: Mapping[str, Any],
    *,
    roster: Mapping[str, str],
    listed: Collection[str],
    known_tools: Sequence[str],
    known_roles: Sequence[str],
    max_agents: int,
    max_tasks: int,
) -> Admission:
    """Take a lead's tasks within the limits.

    A task may depend on tasks that are listed already and on earlier ones of this decision, so there are no cycles;
    other dependencies and unknown tools are dropped, an unknown role becomes a generalist's.

    Args:
        value: What the lead's form says.
        roster: Role by agent.
        listed: Ids of tasks that are on the list.
        known_tools: What agents may be given.
        known_roles: What agents may be.
        max_agents: Agents in the team, from 1.
        max_tasks: Tasks that may still be taken.
    """
    taken: list[TeamTask] = []
    recruited: dict[str, str] = {}
    refused: list[str] = []
    ids = set(listed)
    for item in value.get("tasks", []):
        task = _task(item, known_tools=known_tools, known_roles=known_roles)
        problem = _problem(task, ids=ids, is_full=len(taken) >= max_tasks)
        if not problem and task.owner not in {**roster, **recruited} and len(roster) + len(recruited) >= max_agents:
            problem = f"{task.owner} is not recruited: the team has {max_agents} agents, the most allowed"
        if problem:
            refused.append(problem)
            continue
        role = {**roster, **recruited}.get(task.owner, task.role)
        if task.owner not in roster:
            recruited.setdefault(task.owner, role)
        known = tuple(name for name in dict.fromkeys(task.depends_on) if name in ids)
        taken.append(replace(task, role=role, depends_on=known))
        ids.add(task.task_id)
    return Admission(tuple(taken), recruited, tuple(refused))


def admit_within(
    value: Mapping[str, Any],
    view: TaskView,
    *,
    roster: Mapping[str, str],
    tasks: Mapping[str, TeamTask],
    max_agents: int,
    max_tasks: int,
) -> Admission:
    """Take a lead's tasks within the limits of its team and of the task. `max_tasks`: on the whole list."""
    return admit(
        value,
        roster=roster,
        listed=tasks,
        known_tools=view.parameters["tools"],
        known_roles=view.parameters["roles"],
        max_agents=max_agents,
        max_tasks=max_tasks - len(tasks),
    )


def lead_asked(
    make: StepMaker,
    number: int,
    *,
    limits: str,
    roster: Mapping[str, str],
    tasks: Mapping[str, TeamTask],
    results: Mapping[str, str],
    more: Mapping[str, str],
) -> StepSpec:
    """Return the step in which the lead decides for the `number`th time.

    Args:
        make: Of the strategy.
        number: From 1.
        limits: What is left, in words.
        roster: Role by agent.
        tasks: The list.
        results: Key of the step that has a task's result, by the task's id.
        more: Further sections that the lead is shown, by heading.
    """
    sections = {
        "Limits": limits,
        "Team": "\n".join(f"- {name}: {role}" for name, role in roster.items()),
        "Task list": list_text(list(tasks.values())),
        **more,
    }
    return make.decide(
        f"lead-{number}",
        "lead",
        f"The lead decides ({number})",
        "lead",
        depends_on=list(results.values()),
        names=list(results) or None,
        sections=sections,
        shows=["roles", "tools", "files"],
        agent_id=LEAD,
        with_history=True,
    )


def joined(make: StepMaker, results: Mapping[str, str], instruction: str) -> StepSpec:
    """Return the step that makes one answer of the team's results."""
    keys = list(results.values())
    return make.synthesize(SYNTHESIS_KEY, "synthesize", "Combine the results", instruction, depends_on=keys)


def answer_of(view: TaskView) -> Move | None:
    """Return the move that the team's answer means, with what failed on the way; None while nobody is asked for it."""
    move = move_of(view, SYNTHESIS_KEY)
    if not isinstance(move, Finish):
        return move
    return replace(move, metadata=failed_of(view, [k for k, step in view.steps.items() if step.kind is StepKind.AGENT]))


def left_to_one(make: StepMaker, key: str, query: str) -> tuple[StepSpec, StepSpec]:
    """Return the steps of a team whose lead ended before anything was done: one agent answers the request."""
    agent = make.agent(key, "work", "Answer the request", query, role=FALLBACK_ROLE)
    return agent, make.synthesize(SYNTHESIS_KEY, "synthesize", "Give the answer", "", depends_on=[key])


def agent_name(text: str) -> str:
    """Return a name as steps' keys can hold it: letters of any script, digits, `.`, `_` and `-`, at most 40."""
    return _NOT_IN_NAMES.sub("-", text.strip().lower())[:40].strip("-.") or "agent"


def _task(item: Mapping[str, Any], *, known_tools: Sequence[str], known_roles: Sequence[str]) -> TeamTask:
    return TeamTask(
        task_id=str(item["id"]),
        title=str(item["title"])[:200] or str(item["id"]),
        instruction=str(item["instruction"]),
        owner=agent_name(str(item["owner"])),
        role=item["role"] if item["role"] in known_roles else FALLBACK_ROLE,
        tools=tuple(name for name in item["tools"] if name in known_tools),
        depends_on=tuple(item["depends_on"]),
    )


def _problem(task: TeamTask, *, ids: Collection[str], is_full: bool) -> str:
    if task.task_id in ids:
        return f"task {task.task_id} is on the list already"
    if task.owner == LEAD:
        return f"task {task.task_id} has the lead as its owner"
    if not task.instruction.strip():
        return f"task {task.task_id} has no instruction"
    return f"task {task.task_id} is one too many" if is_full else ""


def told_of(
    value: Mapping[str, Any], admission: Admission, tasks: Sequence[TeamTask], *, round_number: int
) -> list[Told]:
    """Return the events of a lead's decision: the decision, who is new with which role, and the list as it is now."""
    decided = {
        "round": round_number,
        "decision": value["decision"],
        "tasks": [task.task_id for task in admission.tasks],
        "refused": list(admission.refused),
    }
    told = [Told(EventKind.LEAD_DECISION, value["note"] or value["decision"], decided, LEAD)]
    for name, role in admission.recruited.items():
        told.append(Told(EventKind.TEAM_RECRUITED, f"{name} joins the team", {"agent": name, "role": role}, name))
        told.append(Told(EventKind.ROLE_ASSIGNED, f"{name} is {role}", {"agent": name, "role": role}, name))
    if admission.tasks:
        told.append(list_told(tasks))
    return told


def list_told(tasks: Sequence[TeamTask]) -> Told:
    """Return the event that shows the task list."""
    counts = {status: sum(task.status == status for task in tasks) for status in ("open", "done", "failed")}
    message = f"{counts['done']} of {len(tasks)} tasks done, {counts['failed']} failed"
    return Told(EventKind.TASKLIST_UPDATED, message, {"tasks": [task.as_json() for task in tasks], **counts}, LEAD)


def list_text(tasks: Sequence[TeamTask]) -> str:
    """Return the task list as a lead reads it; empty without tasks."""
    return "\n".join(f"- {task.task_id} [{task.status}] {task.owner} ({task.role}): {task.title}" for task in tasks)
