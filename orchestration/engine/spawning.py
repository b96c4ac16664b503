"""Making the steps that a strategy wants: their rows, and what is told of them."""

import json
from collections.abc import Sequence
from typing import Any

from django.conf import settings

from agents.services import storable_json, value_pack
from orchestration.engine.finish import told_drafts
from orchestration.errors import DependencyFailed, StrategyStuck
from orchestration.events.write import EventDraft
from orchestration.models import Task
from orchestration.strategies import Spawn
from orchestration.types import STEP_TERMINAL, EventKind, OnDependencyFailure, StepSpec, StepStatus, TaskView
from shannon_project.foundation.database import prepared_cursor
from shannon_project.foundation.ids import uuid7


class SpawnedRows:
    """Makes the rows of one spawn; remembers what it made, since later steps may depend on earlier ones.

    A step that depends on one that has ended starts with that counted.
    """

    def __init__(self, task: Task, view: TaskView, move: Spawn) -> None:
        """Look at what the strategy wants; nothing is written.

        Raises:
            StrategyStuck: It wants a step that there is, or one that depends on a step that there is not.
        """
        if known := [spec.key for spec in move.steps if spec.key in view.steps]:
            raise StrategyStuck(f"The strategy made steps that there are: {', '.join(known)}")
        self._task = task
        self._statuses: dict[str, StepStatus] = {key: step.status for key, step in view.steps.items()}
        self._keys = {spec.key for spec in move.steps} | set(self._statuses)
        self._first_position = len(view.steps)
        self._made = [self._state(spec) for spec in move.steps]
        self._specs = move.steps

    def _state(self, spec: StepSpec) -> tuple[StepStatus, int, str | None]:
        """Return a step's first status, its open dependencies and, if it is skipped at once, its error as JSON text."""
        unknown = [key for key in spec.depends_on if key not in self._keys]
        if unknown:
            raise StrategyStuck(f"The strategy made {spec.key} depend on unknown steps: {', '.join(unknown)}")
        ended = [key for key in spec.depends_on if self._statuses.get(key) in STEP_TERMINAL]
        failed = [key for key in ended if self._statuses[key] is not StepStatus.SUCCEEDED]
        open_count = len(spec.depends_on) - len(ended)
        if failed and spec.on_dependency_failure is OnDependencyFailure.SKIP:
            self._statuses[spec.key] = StepStatus.SKIPPED
            return StepStatus.SKIPPED, open_count, json.dumps(DependencyFailed.of(failed[0]).as_json())
        self._statuses[spec.key] = StepStatus.BLOCKED if open_count else StepStatus.READY
        return self._statuses[spec.key], open_count, None

    def _input(self, spec: StepSpec) -> str:
        """Return the step's input as JSON text; of a large one the large parts are stored apart."""
        text = json.dumps(dict(spec.input))
        if len(text) <= settings.SHANNON_INLINE_MAX_BYTES:
            return text
        return json.dumps(value_pack(self._task.tenant_id, storable_json(spec.input)[0]))

    def insert(self) -> None:
        """Insert all rows in one statement of fixed length: arrays, because wide fan-outs come through here."""
        with prepared_cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO orchestration_step (id, task_id, position, key, kind, title, input, depends_on,
                    open_dependencies, on_dependency_failure, status, attempt, failures, lease_owner, prompt_tokens,
                    completion_tokens, model_calls, tool_calls, cost_usd, created_at, error)
                SELECT id, %s, position, key, kind, title, input, depends_on, open, on_failure, status,
                    0, 0, '', 0, 0, 0, 0, 0, now(), error
                FROM unnest(%s::uuid[], %s::int[], %s::text[], %s::text[], %s::text[], %s::jsonb[], %s::jsonb[],
                    %s::int[], %s::text[], %s::text[], %s::jsonb[])
                    AS s(id, position, key, kind, title, input, depends_on, open, on_failure, status, error)
                """,
                [
                    self._task.id,
                    [uuid7() for _ in self._specs],
                    list(range(self._first_position, self._first_position + len(self._specs))),
                    [spec.key for spec in self._specs],
                    [str(spec.kind) for spec in self._specs],
                    [spec.title[:300] for spec in self._specs],
                    [self._input(spec) for spec in self._specs],
                    [json.dumps(spec.depends_on) for spec in self._specs],
                    [open_count for _, open_count, _ in self._made],
                    [str(spec.on_dependency_failure) for spec in self._specs],
                    [str(status) for status, _, _ in self._made],
                    [error for _, _, error in self._made],
                ],
            )


def spawn_drafts(move: Spawn) -> list[EventDraft]:
    """Return what is told when the steps of a move are made."""
    payload = {"steps": [_spawned(spec) for spec in move.steps[:50]], "count": len(move.steps)}
    return [*told_drafts(move.told), EventDraft(EventKind.DELEGATION, move.message or _message(move.steps), payload)]


def _spawned(spec: StepSpec) -> dict[str, Any]:
    return {"step_key": spec.key, "kind": spec.kind, "title": spec.title, "depends_on": list(spec.depends_on)[:50]}


def _message(steps: Sequence[StepSpec]) -> str:
    return steps[0].title if len(steps) == 1 else f"{len(steps)} steps"
