"""Reading a task's steps: small questions that every strategy asks."""

from collections.abc import Iterable, Sequence
from typing import Any

from orchestration.errors import SubtasksFailed
from orchestration.strategies.base import Fail, Finish, Move, Wait
from orchestration.types import STEP_TERMINAL, StepKind, StepStatus, StepView, TaskView


def has_ended(step: StepView | None) -> bool:
    """Whether the step is there and has come to its end, well or not."""
    return step is not None and step.status in STEP_TERMINAL


def is_done(step: StepView | None) -> bool:
    """Whether the step is there and succeeded."""
    return step is not None and step.status is StepStatus.SUCCEEDED and step.output is not None


def all_ended(view: TaskView, keys: Iterable[str]) -> bool:
    """Whether all of these steps have ended; True for none."""
    return all(has_ended(view.steps.get(key)) for key in keys)


def done_of(view: TaskView, keys: Iterable[str]) -> tuple[str, ...]:
    """Return those of the keys whose steps succeeded."""
    return tuple(key for key in keys if is_done(view.steps.get(key)))


def text_of(view: TaskView, key: str) -> str:
    """Return the text that a step left; empty while there is none."""
    step = view.steps.get(key)
    return str(step.output.get("text", "")) if step is not None and step.output is not None else ""


def value_of(view: TaskView, key: str) -> dict[str, Any]:
    """Return the form that a step filled; empty while there is none."""
    step = view.steps.get(key)
    value = step.output.get("value") if step is not None and step.output is not None else None
    return value if isinstance(value, dict) else {}


def finish_with(view: TaskView, key: str, **metadata: Any) -> Finish:
    """Return the end with the text of a step."""
    return Finish(result=text_of(view, key), metadata=metadata, from_step=key)


def move_of(view: TaskView, key: str) -> Move | None:
    """Return the move that the last step of a task means: its text, its error, or waiting; None while there is none."""
    step = view.steps.get(key)
    if step is None:
        return None
    if is_done(step):
        return finish_with(view, key)
    return Fail(error=step.error) if step.error is not None else Wait()


def fail_of(view: TaskView, keys: Sequence[str]) -> Fail:
    """Return the failure of a task none of whose steps succeeded: the error of the first that has one."""
    errors = [step.error for key in keys if (step := view.steps.get(key)) is not None and step.error]
    if len(errors) == 1:
        return Fail(error=errors[0])
    first = str(errors[0].get("message", "")) if errors else "no reason was recorded"
    listed = [{"id": key, "error": (view.steps[key].error or {}).get("message")} for key in keys if key in view.steps]
    error = SubtasksFailed(f"All {len(keys)} subtasks failed; the first: {first}", details={"subtasks": listed[:20]})
    return Fail(error=error.as_json())


def failed_of(view: TaskView, keys: Iterable[str]) -> dict[str, Any]:
    """Return `{"failed_subtasks": [{"id", "title", "status", "error"}]}` of those steps that failed; empty for none."""
    steps = (view.steps[key] for key in keys)
    failed = [
        {
            "id": step.key.removeprefix("agent-"),
            "title": step.title,
            "status": str(step.status),
            "error": (step.error or {}).get("message", ""),
        }
        for step in steps
        if step.error is not None
    ]
    return {"failed_subtasks": failed} if failed else {}


def messages_in(view: TaskView) -> list[tuple[str, str]]:
    """Return `(to, text)` of what people told the task while it ran, oldest first."""
    told = (step.output for step in view.steps.values() if step.kind is StepKind.MESSAGE and step.output is not None)
    return [(str(output.get("to", "")), str(output.get("text", ""))) for output in told]
