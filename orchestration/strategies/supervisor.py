"""A lead hands out tasks, reads what comes back, and plans again; its workers run at the same time."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from pydantic import Field

from orchestration.strategies.base import Fail, Move, Spawn, Strategy, StrategyParameters, Tier, Told, Wait
from orchestration.strategies.making import StepMaker
from orchestration.strategies.reading import all_ended, has_ended, is_done, messages_in, value_of
from orchestration.strategies.teams import (
    LEAD,
    TeamTask,
    admit_within,
    answer_of,
    joined,
    lead_asked,
    left_to_one,
    list_told,
    told_of,
)
from orchestration.types import EventKind, StepKind, StepSpec, TaskView


class SupervisorParameters(StrategyParameters):
    """Of a supervised team."""

    max_rounds: int = Field(4, ge=1, le=10, description="Decisions of the lead; after the last one there is an answer.")
    max_agents: int = Field(8, ge=1, le=20, description="Agents that the lead may recruit.")
    max_tasks: int = Field(16, ge=1, le=50, description="Tasks that the lead may hand out in all.")


@dataclass(slots=True)
class _Team:
    """The team as the decisions so far have made it."""

    tasks: dict[str, TeamTask] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)  # step by task
    roster: dict[str, str] = field(default_factory=dict)


class SupervisorStrategy(Strategy):
    """lead-1, its tasks, lead-2, …, synthesize."""

    name: ClassVar[str] = "supervisor"
    summary: ClassVar[str] = (
        "A lead recruits agents, hands out tasks, reads results and plans again until it is enough."
    )
    use_when: ClassVar[str] = "Work whose parts depend on what the first parts find, or where parts may fail."
    reads_output_of: ClassVar[frozenset[StepKind]] = frozenset(
        {StepKind.DECIDE, StepKind.SYNTHESIZE, StepKind.MESSAGE, StepKind.AGENT}
    )
    parameters: ClassVar[type[StrategyParameters]] = SupervisorParameters
    remembers: ClassVar[bool] = True
    parts: ClassVar[Mapping[str, Tier | None]] = {"lead": "large", "work": None, "synthesize": "medium"}
    needs_tokens: ClassVar[int] = 16_000
    degrades_to: ClassVar[str] = "dag"

    def next(self, view: TaskView) -> Move:
        """Replay the decisions so far, then make the next step."""
        answer = answer_of(view)
        if answer is not None:
            return answer
        given = SupervisorParameters.of(view)
        make = StepMaker(type(self), given)
        team = _Team()
        for number in range(1, given.max_rounds + 1):
            move = _round(view, make, given, team, number)
            if move is not None:
                return move
        return _synthesis(make, team, "The lead's decisions are used up.")


def _round(view: TaskView, make: StepMaker, given: SupervisorParameters, team: _Team, number: int) -> Move | None:
    """Return what this round still needs; None when it has ended and the team is up to date."""
    lead = view.steps.get(f"lead-{number}")
    if lead is None:
        return _ask(view, make, given, team, number)
    if not has_ended(lead):
        return Wait()
    if not is_done(lead):
        if not team.tasks:
            return Fail(error=lead.error or {})
        return _synthesis(make, team, "The lead could not decide any more.")
    return _decided(view, make, given, team, number)


def _decided(view: TaskView, make: StepMaker, given: SupervisorParameters, team: _Team, number: int) -> Move | None:
    """Carry out what the lead decided in a round."""
    value = value_of(view, f"lead-{number}")
    if value["decision"] == "finish":
        value = {**value, "tasks": []}
    limits = {"max_agents": given.max_agents, "max_tasks": given.max_tasks}
    admission = admit_within(value, view, roster=team.roster, tasks=team.tasks, **limits)
    fresh = {task.task_id: f"work-{number}-{position}" for position, task in enumerate(admission.tasks, start=1)}
    team.roster.update(admission.recruited)
    team.keys.update(fresh)
    team.tasks.update({task.task_id: task for task in admission.tasks})
    told = tuple(told_of(value, admission, list(team.tasks.values()), round_number=number))
    if not fresh:
        return _closing(view, make, team, value, told)
    if not all(key in view.steps for key in fresh.values()):
        steps = tuple(_work(make, task, fresh[task.task_id], team.keys) for task in admission.tasks)
        return Spawn(steps=steps, message=f"The lead hands out {len(steps)} tasks", told=(*told, *_mail(value)))
    if not all_ended(view, fresh.values()):
        return Wait()
    for task_id, key in fresh.items():
        status = "done" if is_done(view.steps[key]) else "failed"
        team.tasks[task_id] = replace(team.tasks[task_id], status=status)
    return None


def _ask(view: TaskView, make: StepMaker, given: SupervisorParameters, team: _Team, number: int) -> Spawn:
    left = f"{given.max_rounds - number} more decisions, {given.max_tasks - len(team.tasks)} more tasks"
    spec = lead_asked(
        make,
        number,
        limits=f"{left}, {given.max_agents - len(team.roster)} more agents.",
        roster=team.roster,
        tasks=team.tasks,
        results=team.keys,
        more={"Messages from people": "\n".join(f"- {text}" for _, text in messages_in(view))},
    )
    return Spawn(steps=(spec,), told=(list_told(list(team.tasks.values())),) if team.tasks else ())


def _work(make: StepMaker, task: TeamTask, key: str, keys: Mapping[str, str]) -> StepSpec:
    return make.agent(
        key,
        "work",
        task.title,
        task.instruction,
        depends_on=[keys[name] for name in task.depends_on],
        names=list(task.depends_on) or None,
        tools=list(task.tools),
        role=task.role,
        agent_id=task.owner,
    )


def _mail(value: Mapping[str, Any]) -> list[Told]:
    return [
        Told(EventKind.MESSAGE_SENT, mail["text"], {"from": LEAD, "to": mail["to"], "text": mail["text"]}, LEAD)
        for mail in value["messages"]
    ]


def _closing(view: TaskView, make: StepMaker, team: _Team, value: Mapping[str, Any], told: tuple[Told, ...]) -> Spawn:
    """Put together what there is; a lead that ends before anything was done leaves the request to one agent."""
    if team.tasks:
        return _synthesis(make, team, value["note"], told)
    return Spawn(steps=left_to_one(make, "work-0", view.query), told=told)


def _synthesis(make: StepMaker, team: _Team, note: str, told: tuple[Told, ...] = ()) -> Spawn:
    return Spawn(steps=(joined(make, team.keys, note),), told=told)
