"""A lead and agents with mailboxes, a shared task list and a shared workspace, in rounds, until they converge.

Nothing of the team is kept anywhere else: task list, mail and workspace are replayed from what the steps said, so a
message is delivered exactly once and any swarm can be forked at any step.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from pydantic import Field

from orchestration.strategies.base import Fail, Move, Spawn, Strategy, StrategyParameters, Tier, Told, Wait
from orchestration.strategies.making import StepMaker
from orchestration.strategies.reading import has_ended, is_done, value_of
from orchestration.strategies.teams import (
    FALLBACK_ROLE,
    LEAD,
    TeamTask,
    admit_within,
    agent_name,
    answer_of,
    joined,
    lead_asked,
    left_to_one,
    list_told,
    told_of,
)
from orchestration.types import EventKind, OnDependencyFailure, StepKind, StepSpec, StepView, TaskView

_MAIL_SHOWN = 20  # latest messages of a mailbox that an agent is shown in one turn
_TOPICS_SHOWN = 20


class SwarmParameters(StrategyParameters):
    """Of a swarm. Each limit ends it, or the part that it is about, whatever the lead says."""

    max_rounds: int = Field(6, ge=1, le=25, description="Rounds: a decision of the lead, then a turn of each agent.")
    max_agents: int = Field(6, ge=1, le=10, description="Agents in the team.")
    max_tasks: int = Field(20, ge=1, le=60, description="Tasks on the list.")
    max_messages: int = Field(60, ge=0, le=200, description="Messages delivered in all; later ones are dropped.")
    patience: int = Field(2, ge=1, le=5, description="Rounds without any progress after which it ends.")


@dataclass(slots=True)
class _State:
    """The swarm, replayed."""

    tasks: dict[str, TeamTask] = field(default_factory=dict)
    roster: dict[str, str] = field(default_factory=dict)
    results: dict[str, str] = field(default_factory=dict)  # step of the last turn, by task
    mail: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    workspace: dict[str, tuple[str, str]] = field(default_factory=dict)  # topic: (by, text)
    delivered: int = 0
    dropped: int = 0
    idle_rounds: int = 0
    news: list[Told] = field(default_factory=list)  # events of what happened since the last move


class SwarmStrategy(Strategy):
    """lead-1, turn-1-<agent> for each agent with work or mail, lead-2, …, synthesize."""

    name: ClassVar[str] = "swarm"
    summary: ClassVar[str] = "A lead and agents with roles share a task list, a workspace and mail until they converge."
    use_when: ClassVar[str] = "Open-ended work of several roles that must tell each other what they find."
    reads_output_of: ClassVar[frozenset[StepKind]] = frozenset(
        {StepKind.DECIDE, StepKind.AGENT, StepKind.SYNTHESIZE, StepKind.MESSAGE}
    )
    parameters: ClassVar[type[StrategyParameters]] = SwarmParameters
    remembers: ClassVar[bool] = True
    parts: ClassVar[Mapping[str, Tier | None]] = {"lead": "large", "work": None, "synthesize": "medium"}
    needs_tokens: ClassVar[int] = 24_000
    degrades_to: ClassVar[str] = "supervisor"

    def next(self, view: TaskView) -> Move:
        """Replay the rounds so far, then make the next step."""
        answer = answer_of(view)
        if answer is not None:
            return answer
        given = SwarmParameters.of(view)
        replay = _Replay(view, given, StepMaker(type(self), given))
        for number in range(1, given.max_rounds + 1):
            move = replay.round(number)
            if move is not None:
                return move
        return replay.close("the rounds are used up", given.max_rounds)


def _failed(step: StepView) -> Fail:
    return Fail(error=step.error or {})


class _Replay:
    """Goes through the rounds; each method returns a move when something is missing."""

    def __init__(self, view: TaskView, given: SwarmParameters, make: StepMaker) -> None:
        self.view, self.given, self.make = view, given, make
        self.state = _State()
        self.keys = list(view.steps)

    def round(self, number: int) -> Move | None:
        """Replay one round; None when it has ended and is in the state."""
        lead = self.view.steps.get(f"lead-{number}")
        people = self._people(number)
        if lead is None:
            return self._ask(number, people)
        if not has_ended(lead):
            return Wait()
        if not is_done(lead):
            return self.close("the lead could not decide any more", number) if self.state.tasks else _failed(lead)
        value = value_of(self.view, lead.key)
        if value["decision"] == "finish":
            value = {**value, "tasks": []}
        self.state.news = self._decide(value, number)
        for to, text in people:
            self._deliver("a person", agent_name(to or LEAD), text, told=False)
        return self.close(value["note"], number) if value["decision"] == "finish" else self._agents(number)

    def _agents(self, number: int) -> Move | None:
        """Replay the turns of a round; None when they have ended and something came of the latest rounds."""
        turns = self._turns()
        if not turns:
            return self.close("nobody has anything to do", number)
        keys = {name: f"turn-{number}-{name}" for name in turns}
        if not all(key in self.view.steps for key in keys.values()):
            steps = tuple(self._turn(keys[name], name, task) for name, task in turns.items())
            return Spawn(steps=steps, message=f"Round {number}: {len(steps)} agents", told=tuple(self.state.news))
        if not all(has_ended(self.view.steps[key]) for key in keys.values()):
            return Wait()
        self._take(turns, keys)
        is_stuck = self.state.idle_rounds >= self.given.patience
        return self.close(f"no progress in {self.state.idle_rounds} rounds", number) if is_stuck else None

    def _people(self, number: int) -> list[tuple[str, str]]:
        """Return what people said between the lead's last decision and this one."""
        begin = self.keys.index(f"lead-{number - 1}") if number > 1 else 0
        end = self.keys.index(f"lead-{number}") if f"lead-{number}" in self.view.steps else len(self.keys)
        steps = [self.view.steps[key] for key in self.keys[begin:end]]
        outputs = [step.output for step in steps if step.kind is StepKind.MESSAGE and step.output is not None]
        return [(str(output.get("to", "")), str(output.get("text", ""))) for output in outputs]

    def _ask(self, number: int, people: list[tuple[str, str]]) -> Spawn:
        state, given = self.state, self.given
        left = f"{given.max_rounds - number} more rounds, {given.max_tasks - len(state.tasks)} more tasks"
        heard = [Told(EventKind.MESSAGE_RECEIVED, text, {"from": "a person", "to": to or LEAD}) for to, text in people]
        spec = lead_asked(
            self.make,
            number,
            limits=f"{left}, {given.max_agents - len(state.roster)} more agents.",
            roster=state.roster,
            tasks=state.tasks,
            results=state.results,
            more={
                "Mail to the lead": _mail_text(state.mail.pop(LEAD, [])),
                "Messages from people": "\n".join(f"- to {to or LEAD}: {text}" for to, text in people),
                "Workspace": _workspace_text(state.workspace),
            },
        )
        return Spawn(steps=(spec,), told=(*state.news, *heard))

    def _decide(self, value: Mapping[str, Any], number: int) -> list[Told]:
        """Take the lead's decision into the state and return its events."""
        state = self.state
        limits = {"max_agents": self.given.max_agents, "max_tasks": self.given.max_tasks}
        admission = admit_within(value, self.view, roster=state.roster, tasks=state.tasks, **limits)
        state.news = []
        state.roster.update(admission.recruited)
        state.tasks.update({task.task_id: task for task in admission.tasks})
        state.mail.pop(LEAD, None)
        for mail in value["messages"]:
            self._deliver(LEAD, agent_name(mail["to"]), mail["text"])
        told = told_of(value, admission, list(state.tasks.values()), round_number=number)
        return [*told, *state.news]

    def _deliver(self, sender: str, to: str, text: str, *, told: bool = True) -> None:
        """Put a message into a mailbox. One to nobody is dropped, and so is one beyond the limit."""
        state = self.state
        if (to != LEAD and to not in state.roster) or state.delivered >= self.given.max_messages:
            state.dropped += 1
            return
        state.delivered += 1
        state.mail.setdefault(to, []).append((sender, text))
        if told:
            state.news.append(Told(EventKind.MESSAGE_SENT, text, {"from": sender, "to": to, "text": text}, sender))

    def _turns(self) -> dict[str, TeamTask | None]:
        """Return who has a turn: agents with a task that may begin, and agents with mail."""
        done = {task.task_id for task in self.state.tasks.values() if task.status == "done"}
        turns: dict[str, TeamTask | None] = {}
        for task in self.state.tasks.values():
            if task.status == "open" and task.owner not in turns and done >= set(task.depends_on):
                turns[task.owner] = task
        for name in self.state.roster:
            if name not in turns and self.state.mail.get(name):
                turns[name] = None
        return turns

    def _turn(self, key: str, name: str, task: TeamTask | None) -> StepSpec:
        state = self.state
        others = [f"{other} ({role})" for other, role in state.roster.items() if other != name]
        parts = [
            task.instruction if task else "You have mail and no task. Do what it asks, or say that nothing is needed."
        ]
        waiting = [t.owner for t in state.tasks.values() if task and task.task_id in t.depends_on and t.owner != name]
        notes = {
            "Your mail": _mail_text(state.mail.get(name, [])),
            "The team's workspace": _workspace_text(state.workspace),
            "Your teammates": ", ".join(others),
            "Teammates who wait for your result": ", ".join(dict.fromkeys(waiting)),
        }
        parts += [f"{heading}:\n{text}" for heading, text in notes.items() if text]
        needs = [state.results[name] for name in (task.depends_on if task else ()) if name in state.results]
        return self.make.agent(
            key,
            "work",
            task.title if task else f"{name} reads its mail",
            "\n\n".join(parts),
            depends_on=needs,
            names=[name for name in (task.depends_on if task else ()) if name in state.results] or None,
            on_failure=OnDependencyFailure.RUN,
            tools=list(task.tools) if task else [],
            role=state.roster.get(name, FALLBACK_ROLE),
            agent_id=name,
            team_actions=["send_message", "publish_data"],
        )

    def _take(self, turns: Mapping[str, TeamTask | None], keys: Mapping[str, str]) -> None:
        """Take what the agents did in a round into the state; posts are delivered in the order of the team."""
        state = self.state
        progressed = False
        state.news = []
        for name in turns:
            state.mail.pop(name, None)
        for name, task in turns.items():
            step = self.view.steps[keys[name]]
            if task is not None:
                status = "done" if is_done(step) else "failed"
                state.tasks[task.task_id] = replace(task, status=status)
                state.results[task.task_id] = step.key
                progressed = progressed or status == "done"
            for post in (step.output or {}).get("posts", []):
                progressed = self._post(name, post) or progressed
        state.idle_rounds = 0 if progressed else state.idle_rounds + 1
        state.news.append(list_told(list(state.tasks.values())))

    def _post(self, name: str, post: Mapping[str, Any]) -> bool:
        """Deliver a message or publish something; True if something new was published."""
        if post["action"] == "send_message":
            self._deliver(name, agent_name(post["to"]), post["text"])
            return False
        topic, text = post["topic"], post["text"]
        is_new: bool = self.state.workspace.get(topic, ("", ""))[1] != text
        self.state.workspace[topic] = (name, text)
        if is_new:
            payload = {"topic": topic, "by": name, "text": text[:1000]}
            self.state.news.append(Told(EventKind.WORKSPACE_UPDATED, f"{name} published {topic}", payload, name))
        return is_new

    def close(self, why: str, number: int) -> Move:
        """Put together what there is; a swarm that did nothing leaves the request to one agent."""
        state, make = self.state, self.make
        status = {
            "rounds": number,
            "agents": len(state.roster),
            "messages": state.delivered,
            "messages_dropped": state.dropped,
            "topics": sorted(state.workspace),
            "not_done": [task.task_id for task in state.tasks.values() if task.status == "open"],
        }
        told = (*state.news, Told(EventKind.TEAM_STATUS, f"The swarm ends: {why}", status, LEAD))
        if not state.results:
            return Spawn(steps=left_to_one(make, "turn-0", self.view.query), told=told)
        notes = {"The team published": _workspace_text(state.workspace), "Tasks that nobody began": _open_text(state)}
        parts = [why, *(f"{heading}:\n{text}" for heading, text in notes.items() if text)]
        return Spawn(steps=(joined(make, state.results, "\n\n".join(parts)),), told=told)


def _mail_text(mail: list[tuple[str, str]]) -> str:
    return "\n".join(f"- from {sender}: {text}" for sender, text in mail[-_MAIL_SHOWN:])


def _open_text(state: _State) -> str:
    return "\n".join(f"- {task.task_id}: {task.title}" for task in state.tasks.values() if task.status == "open")


def _workspace_text(workspace: Mapping[str, tuple[str, str]]) -> str:
    shown = list(workspace.items())[-_TOPICS_SHOWN:]
    return "\n".join(f"- {topic} (by {by}): {text[:500]}" for topic, (by, text) in shown)
