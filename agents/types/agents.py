"""What an agent is asked, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.types.usage import Usage


@dataclass(frozen=True, slots=True)
class SubtaskResult:
    """How a subtask ended, as the steps that build on it see it.

    `status` is a step's final status (`succeeded`, `failed`, `skipped`, `cancelled`); `text` is empty unless it
    succeeded, `error` is None unless it did not. `characters` is the length of the whole text where `text` is only
    its beginning.
    """

    id: str
    title: str
    status: str
    text: str
    error: str | None = None
    characters: int | None = None


@dataclass(frozen=True, slots=True)
class AgentSpec:
    """What an agent is asked to do, with what, and how far it may go.

    `max_turns` counts model calls, at least 1; None takes the role's. `max_output_tokens` is per model call; None
    takes the role's. `history` holds `(role, content)` pairs, oldest first. `workspace_overview` empty: no files.
    `sampling` goes along with every model call, see `ModelRequest.options`.
    `guidance` is added to the role's prompt. `answer_format` is one of `agents.loop.formats`; empty: any.
    `team_actions` names what the agent may do towards its team (`agents.loop.team`).
    `takes_role_tools`: nobody said which tools it has, so a role that is not the default one brings its own; with
    `more_tools` beside them, those of a skill.
    `hears_people`: whether it is told what people say to the task while it runs, rather than a lead who passes it on.
    """

    instruction: str
    tools: tuple[str, ...] = ()
    tier: str | None = None
    model_override: str | None = None
    max_turns: int | None = None
    max_output_tokens: int | None = None
    history: tuple[tuple[str, str], ...] = ()
    dependencies: tuple[SubtaskResult, ...] = ()
    workspace_overview: str = ""
    role: str = "generalist"
    sampling: Mapping[str, Any] = field(default_factory=dict)
    guidance: str = ""
    answer_format: str = ""
    team_actions: tuple[str, ...] = ()
    takes_role_tools: bool = False
    more_tools: tuple[str, ...] = ()
    hears_people: bool = False


@dataclass(frozen=True, slots=True)
class AgentResult:
    """An agent's answer and what it took.

    `turns` counts model calls. `stop_reason`: `answered`; `turns_exhausted` (it had to answer in its last turn); or
    `length` (the answer was cut at its token limit). `model` and `provider` are those of the last call. `posts` are
    its team actions in order, `{"action", ...arguments}`. `format_problem`: how the answer misses the format asked for.
    """

    text: str
    usage: Usage
    turns: int
    model: str
    provider: str
    stop_reason: str = "answered"
    posts: tuple[Mapping[str, Any], ...] = ()
    format_problem: str = ""
