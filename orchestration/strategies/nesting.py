"""A strategy inside another one: it sees its own steps, under a prefix, and nothing else."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from orchestration.strategies.base import Spawn
from orchestration.types import OnDependencyFailure, StepKind, StepSpec, TaskView

SEPARATOR: Final = "/"
_ASKS_FOR_THE_QUERY: Final = frozenset({StepKind.PLAN, StepKind.DECIDE, StepKind.SYNTHESIZE})


def inner_view(
    view: TaskView, prefix: str, *, query: str, parameters: Mapping[str, Any], tools: Collection[str] | None = None
) -> TaskView:
    """Return what a strategy under a prefix may know: its own steps by their own keys, its request, its parameters.

    `tools`: the only ones that it may hand out or call; None: those of the task.
    """
    begin = prefix + SEPARATOR
    steps = {
        key.removeprefix(begin): replace(
            step,
            key=key.removeprefix(begin),
            depends_on=tuple(name.removeprefix(begin) for name in step.depends_on if name.startswith(begin)),
        )
        for key, step in view.steps.items()
        if key.startswith(begin)
    }
    known = {} if tools is None else {"tools": list(tools)}
    return TaskView(view.task_id, query, {**view.parameters, **parameters, **known}, steps)


def outer_spawn(
    move: Spawn,
    prefix: str,
    *,
    query: str,
    after: Collection[str] = (),
    role: str = "",
    tools: Collection[str] | None = None,
    budget_tokens: int | None = None,
) -> Spawn:
    """Return an inner move with the keys that the task knows; its first steps are told what comes before.

    Args:
        move: What the inner strategy wants.
        prefix: Where its steps stand.
        query: Its request, for steps that ask for the task's.
        after: Keys of the steps whose results its first steps are told.
        role: Role of its agents that have no other; empty: none.
        tools: The only tools that its agents may have, and that its models are told of; None: as they say.
        budget_tokens: What all its steps together may use; None: as much as the task.
    """
    steps = (_outer(spec, prefix, query=query, after=after, role=role, tools=tools) for spec in move.steps)
    return replace(move, steps=tuple(sharing_budget(spec, prefix, budget_tokens) for spec in steps))


def sharing_budget(spec: StepSpec, prefix: str, tokens: int | None) -> StepSpec:
    """Return a step that shares a budget with all others under the prefix; without a limit it is the same."""
    if tokens is None:
        return spec
    return replace(spec, input={**spec.input, "node_budget": {"name": prefix, "tokens": tokens}})


def _outer(
    spec: StepSpec, prefix: str, *, query: str, after: Collection[str], role: str, tools: Collection[str] | None
) -> StepSpec:
    given: dict[str, Any] = dict(spec.input)
    if spec.kind in _ASKS_FOR_THE_QUERY:
        given.setdefault("query", query)
    if spec.kind is StepKind.AGENT and tools is not None and given.get("tools") is None:
        given["tools"] = list(tools)
    if tools is not None and (spec.kind is StepKind.PLAN or "tools" in given.get("shows", ())):
        given["tools_shown"] = list(tools)
    if spec.kind is StepKind.AGENT and role:
        given.setdefault("role", role)
    given.pop("is_final", None)  # the answer is the task's, not a part's
    inside = tuple(f"{prefix}{SEPARATOR}{name}" for name in spec.depends_on)
    return replace(
        spec,
        key=f"{prefix}{SEPARATOR}{spec.key}",
        input=given,
        depends_on=inside or tuple(after),
        on_dependency_failure=spec.on_dependency_failure if inside else OnDependencyFailure.RUN,
    )
