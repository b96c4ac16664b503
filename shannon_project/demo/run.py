"""What a follower knows of a run: built from the stream's events and nothing else, so it is tested without a server."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from shannon_project.demo.client import StreamEvent

_LIVE_TEXT_CHARS = 2_000


class StepState(StrEnum):
    """Where a step is, as far as the events tell."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(slots=True)
class ToolLine:
    """One tool call of a step; `ok` is None until its answer came."""

    name: str
    ok: bool | None = None
    note: str = ""


@dataclass(slots=True)
class StepLine:
    """One step; `cost_usd` is None when a price was unknown."""

    key: str
    title: str
    kind: str = ""
    state: StepState = StepState.WAITING
    started_at: datetime | None = None
    seconds: float | None = None
    tokens: int = 0
    cost_usd: Decimal | None = Decimal(0)
    doing: str = ""
    live_text: str = ""
    note: str = ""
    tools: list[ToolLine] = field(default_factory=list)


@dataclass(slots=True)
class Run:
    """A task as its events have told it so far."""

    task_id: str
    query: str = ""
    steps: dict[str, StepLine] = field(default_factory=dict)
    started_at: datetime | None = None
    ended_at: datetime | None = None
    answer: str = ""
    error: str = ""
    is_over: bool = False

    @property
    def tokens(self) -> int:
        """Tokens of all steps."""
        return sum(step.tokens for step in self.steps.values())

    @property
    def cost_usd(self) -> Decimal | None:
        """Cost of all steps; None when one is unknown."""
        costs = [step.cost_usd for step in self.steps.values()]
        return None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0))

    def apply(self, event: StreamEvent) -> StepLine | None:
        """Take in one event; kinds that are not known change nothing.

        Returns:
            The step that the event is about, if it is about one.
        """
        at = _time_of(event.data)
        self.started_at = self.started_at or at
        payload = event.data.get("payload") or {}
        if event.name == "DELEGATION":
            for spec in payload.get("steps", ()):
                self._step(str(spec.get("step_key", "")), str(spec.get("title", "")), str(spec.get("kind", "")))
            return None
        key = str(event.data.get("step_key") or payload.get("step_key") or "")
        if not key:
            self._about_task(event, payload, at)
            return None
        step = self._step(key, str(payload.get("title", "")), str(payload.get("kind", "")))
        handler = _STEP_HANDLERS.get(event.name)
        if handler is not None:
            handler(step, event.data, payload)
            if event.name in ("AGENT_STARTED", "ERROR_RECOVERY"):
                step.started_at = at
        return step

    def _step(self, key: str, title: str, kind: str) -> StepLine:
        step = self.steps.setdefault(key, StepLine(key, title or key, kind))
        step.title = title or step.title
        step.kind = kind or step.kind
        return step

    def _about_task(self, event: StreamEvent, payload: Mapping[str, Any], at: datetime | None) -> None:
        message = str(event.data.get("message", ""))
        match event.name:
            case "WORKFLOW_STARTED":
                self.query = message
            case "thread.message.completed" if payload.get("is_final"):
                self.answer = str(payload.get("response", ""))
            case "WORKFLOW_COMPLETED":
                self.ended_at = at
            case "error" | "WORKFLOW_FAILED" | "workflow.cancelled":
                self.error = message or event.name
                self.ended_at = at
            case "done":
                self.is_over = True


def _started(step: StepLine, _data: Mapping[str, Any], _payload: Mapping[str, Any]) -> None:
    step.state = StepState.RUNNING
    step.doing, step.note = "", ""


def _prompted(step: StepLine, _data: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    step.doing, step.live_text = f"asking {payload.get('model', 'the model')}", ""


def _streamed(step: StepLine, data: Mapping[str, Any], _payload: Mapping[str, Any]) -> None:
    step.live_text = (step.live_text + str(data.get("delta", "")))[-_LIVE_TEXT_CHARS:]


def _answered(step: StepLine, _data: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    step.tokens += int(payload.get("prompt_tokens") or 0) + int(payload.get("completion_tokens") or 0)
    cost = _decimal(payload.get("cost_usd"))
    step.cost_usd = None if cost is None or step.cost_usd is None else step.cost_usd + cost
    step.doing, step.live_text = "", ""


def _tool_called(step: StepLine, _data: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    name = str(payload.get("tool", "tool"))
    step.tools.append(ToolLine(name))
    step.doing = f"runs {name}"


def _tool_answered(step: StepLine, data: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    step.doing = ""
    for tool in reversed(step.tools):
        if tool.ok is None and tool.name == str(payload.get("tool", tool.name)):
            tool.ok = bool(payload.get("ok", True))
            tool.note = "" if tool.ok else str(data.get("message", ""))
            return


def _ended(step: StepLine, _data: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    step.state, step.doing, step.live_text = StepState.DONE, "", ""
    _totals(step, payload)


def _failed(step: StepLine, data: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    _ended(step, data, payload)
    step.state, step.note = StepState.FAILED, str(data.get("message", ""))


def _again(step: StepLine, data: Mapping[str, Any], _payload: Mapping[str, Any]) -> None:
    step.state, step.note = StepState.WAITING, str(data.get("message", ""))


def _status(step: StepLine, data: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    if payload.get("status") in ("skipped", "cancelled"):
        step.state, step.note = StepState.SKIPPED, str(data.get("message", ""))


def _totals(step: StepLine, payload: Mapping[str, Any]) -> None:
    if payload.get("duration_ms") is not None:
        step.seconds = float(payload["duration_ms"]) / 1000
    usage = payload.get("usage")
    if isinstance(usage, Mapping):
        step.tokens = int(usage.get("total_tokens") or step.tokens)
        step.cost_usd = _decimal(usage.get("cost_usd"))


def _decimal(value: object) -> Decimal | None:
    try:
        return None if value is None else Decimal(str(value))
    except InvalidOperation:
        return None


def _time_of(data: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(str(data["timestamp"]))
    except (KeyError, ValueError):
        return None


_STEP_HANDLERS: dict[str, Callable[[StepLine, Mapping[str, Any], Mapping[str, Any]], None]] = {
    "AGENT_STARTED": _started,
    "LLM_PROMPT": _prompted,
    "thread.message.delta": _streamed,
    "thread.message.completed": _answered,
    "TOOL_INVOKED": _tool_called,
    "TOOL_OBSERVATION": _tool_answered,
    "AGENT_COMPLETED": _ended,
    "error": _failed,
    "ERROR_RECOVERY": _again,
    "STATUS_UPDATE": _status,
}
