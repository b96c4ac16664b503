"""What a run has left behind, as far as its strategy and its steps depend on it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from uuid import UUID

from agents.services import values_unpack
from orchestration.errors import HistoryDropped
from orchestration.models import Event, Step, Task
from orchestration.types import EventKind, OnDependencyFailure, StepKind, StepSpec, StepStatus

_KINDS: Final = (
    EventKind.DELEGATION,
    EventKind.AGENT_COMPLETED,
    EventKind.ERROR_OCCURRED,
    EventKind.STATUS_UPDATE,
    EventKind.HITL_RESPONSE,
)


@dataclass(frozen=True, slots=True)
class PastStep:
    """A step as it was made, and how it ended."""

    step_id: UUID
    spec: StepSpec
    status: StepStatus
    output: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
    attempt: int
    is_copied: bool


@dataclass(frozen=True, slots=True)
class Made:
    """The strategy made these steps."""

    steps: tuple[PastStep, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """A step ended, or a person's message came, which is a step that has ended."""

    step: PastStep


@dataclass(frozen=True, slots=True)
class History:
    """A run: the steps that it began with (a fork's copies), then what happened, in the order of the events."""

    task: Task
    steps: Sequence[PastStep]
    first: Sequence[PastStep]
    happenings: Sequence[Made | Ended]


def history_of(task: Task) -> History:
    """Load what a replay needs; two queries, and one more where values are stored as blobs.

    Raises:
        HistoryDropped: The month of its events was dropped.
    """
    found = list(Step.objects.filter(task_id=task.id).order_by("position"))
    values = values_unpack(task.tenant_id, [*(step.input for step in found), *(step.output for step in found)])
    inputs, outputs = values[: len(found)], values[len(found) :]
    steps = [_past(step, given or {}, output) for step, given, output in zip(found, inputs, outputs, strict=True)]
    rows = Event.objects.filter(task_id=task.id, kind__in=_KINDS).order_by("seq")
    events = list(rows.values_list("kind", "step_key", "payload"))
    if not events and not Event.objects.filter(task_id=task.id).exists():
        raise HistoryDropped(details={"task_id": str(task.id)})
    made_count = sum(payload["count"] for kind, _, payload in events if _is_spawn(kind, payload))
    heard = {f"message-{payload['number']}" for kind, _, payload in events if kind == EventKind.HITL_RESPONSE}
    own = [step for step in steps if step.spec.kind is not StepKind.MESSAGE]
    first_count = max(len(own) - made_count, 0)
    first = [*own[:first_count], *(step for step in steps if _is_message(step) and step.spec.key not in heard)]
    return History(task, steps, first, list(_happenings(events, steps, iter(own[first_count:]))))


def _is_spawn(kind: str, payload: Mapping[str, Any]) -> bool:
    return kind == EventKind.DELEGATION and "count" in payload


def _is_message(step: PastStep) -> bool:
    return step.spec.kind is StepKind.MESSAGE


def _happenings(
    events: Sequence[tuple[str, str, Mapping[str, Any]]], steps: Sequence[PastStep], made: Iterator[PastStep]
) -> Iterator[Made | Ended]:
    by_key = {step.spec.key: step for step in steps}
    for kind, step_key, payload in events:
        if _is_spawn(kind, payload):
            yield Made(tuple(islice(made, payload["count"])))
        elif kind == EventKind.HITL_RESPONSE:
            yield Ended(by_key[f"message-{payload['number']}"])
        elif (step := by_key.get(step_key)) is not None and payload.get("status") == step.status:
            yield Ended(step)


def _past(step: Step, given: Mapping[str, Any], output: Mapping[str, Any] | None) -> PastStep:
    spec = StepSpec(
        key=step.key,
        kind=StepKind(step.kind),
        title=step.title,
        input=given,
        depends_on=tuple(step.depends_on),
        on_dependency_failure=OnDependencyFailure(step.on_dependency_failure),
    )
    return PastStep(
        step_id=step.id,
        spec=spec,
        status=StepStatus(step.status),
        output=output,
        error=step.error,
        attempt=step.attempt,
        is_copied=step.copied_from is not None or step.attempt == 0,
    )
