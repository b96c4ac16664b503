"""The engine, played: steps end well or not in an order that the data chooses, by the engine's own rules."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from agents.forms import FORMS
from orchestration.engine.dependencies import BlockedStep, releases
from orchestration.strategies import Fail, Finish, Spawn, Strategy, Wait, next_move
from orchestration.types import (
    STEP_TERMINAL,
    OnDependencyFailure,
    StepKind,
    StepSpec,
    StepStatus,
    StepView,
    TaskView,
)
from tests.unit.orchestration.strategies.drawing import NAMES, form_values, plans, workflows
from tests.unit.orchestration.strategies.views import PARAMETERS, TASK_ID, error_of

MAX_STEPS = 400
MAX_STEPS_OF_TEMPLATE = 4_000


class Engine:
    """Plays the engine: dependencies are released by the engine's own rules, in an order that the data chooses."""

    def __init__(self, strategy: Strategy, parameters: Mapping[str, Any], data: st.DataObject) -> None:
        self.strategy, self.data = strategy, data
        self.parameters: dict[str, Any] = {**PARAMETERS, "strategy": parameters}
        self.most_steps = MAX_STEPS_OF_TEMPLATE if strategy.name == "template" else MAX_STEPS
        if strategy.name == "template":
            inputs = {"x": 1, "list": ["a", "b"], "none": []}
            self.parameters["template"] = {"workflow": data.draw(workflows()), "inputs": inputs}
        self.specs: dict[str, StepSpec] = {}
        self.views: dict[str, StepView] = {}

    def view(self) -> TaskView:
        visible = {
            key: view if view.kind in self.strategy.reads_output_of else _without_output(view)
            for key, view in self.views.items()
        }
        return TaskView(task_id=TASK_ID, query="What is 2 + 2?", parameters=self.parameters, steps=visible)

    def run(self) -> Finish | Fail:
        """Alternate between the strategy and one or more steps' ends until the strategy ends."""
        for _ in range(self.most_steps * 2):
            move = next_move(self.strategy, self.view())
            assert move == next_move(self.strategy, self.view()), "the same state, another move"
            if isinstance(move, Finish | Fail):
                return move
            if isinstance(move, Spawn):
                self.spawn(move)
            else:
                assert isinstance(move, Wait)
                assert self.open(), "it waits although every step has ended"
            self.end_some()
        raise AssertionError("it did not end")

    def spawn(self, move: Spawn) -> None:
        assert move.steps, "a move without steps"
        names = {spec.key for spec in move.steps} | set(self.views)
        for spec in move.steps:
            assert spec.key not in self.views, f"{spec.key} was made twice"
            assert set(spec.depends_on) <= names, f"{spec.key} depends on what is not there"
            assert len(spec.key) <= 128
            self.specs[spec.key] = spec
            self.set(spec.key, StepStatus.BLOCKED)
        assert len(self.views) <= self.most_steps, "too many steps"
        ended = {key: view.status for key, view in self.views.items() if view.status in STEP_TERMINAL}
        self.release(ended)
        for spec in move.steps:
            if not spec.depends_on:
                self.set(spec.key, StepStatus.READY)

    def release(self, ended: Mapping[str, StepStatus]) -> None:
        blocked = [self.specs[key] for key, view in self.views.items() if view.status is StepStatus.BLOCKED]
        waiting = [
            BlockedStep(
                TASK_ID,
                spec.key,
                spec.depends_on,
                sum(self.views[name].status not in STEP_TERMINAL or name in ended for name in spec.depends_on),
                spec.on_dependency_failure,
            )
            for spec in blocked
        ]
        for change in releases(waiting, ended):
            error = error_of("skipped") if change.status is StepStatus.SKIPPED else None
            self.set(change.key, change.status, error=error)

    def open(self) -> list[str]:
        return [key for key, view in self.views.items() if view.status is StepStatus.READY]

    def end_some(self) -> None:
        ready = self.open()
        if not ready:
            return
        for key in self.data.draw(st.lists(st.sampled_from(ready), min_size=1, max_size=3, unique=True)):
            spec = self.specs[key]
            for name in spec.depends_on:
                assert self.views[name].status in STEP_TERMINAL, f"{key} ran before {name} had ended"
                if spec.on_dependency_failure is OnDependencyFailure.SKIP:
                    assert self.views[name].status is StepStatus.SUCCEEDED, f"{key} ran although {name} failed"
            if self.data.draw(st.integers(0, 5)) == 0:
                self.set(key, StepStatus.FAILED, error=error_of(f"{key} broke"))
            else:
                self.set(key, StepStatus.SUCCEEDED, output=self.output(spec))
            self.release({key: self.views[key].status})

    def output(self, spec: StepSpec) -> dict[str, Any]:
        match spec.kind:
            case StepKind.PLAN:
                return {"plan": self.data.draw(plans()), "text": ""}
            case StepKind.DECIDE:
                value = self.data.draw(form_values(spec.input["form"]))
                if spec.input["form"] in FORMS:
                    return {"value": value, "text": FORMS[spec.input["form"]].answer.model_validate(value).as_text()}
                return {"value": value, "text": "{}"}
            case StepKind.TOOL:
                if not spec.input.get("must_succeed") and self.data.draw(st.integers(0, 4)) == 0:
                    return {"result": {"ok": False, "error": {"code": "BROKEN", "message": "no", "final": False}}}
                return {"result": {"ok": True, "output": self.tool_output(spec)}}
            case _:
                posts = [
                    {"action": "send_message", "to": self.data.draw(st.sampled_from(NAMES)), "text": "hello"},
                    {"action": "publish_data", "topic": self.data.draw(st.sampled_from(NAMES)), "text": "found"},
                ]
                count = self.data.draw(st.integers(0, 2)) if spec.input.get("team_actions") else 0
                return {"text": self.data.draw(st.sampled_from(["done", "done [1]", ""])), "posts": posts[:count]}

    def tool_output(self, spec: StepSpec) -> Any:
        """Return what searching and reading give; other tools give a number."""
        if spec.input["tool"] == "web_search":
            count = self.data.draw(st.integers(0, 4))
            return {"results": [{"url": f"https://example.org/{number}", "title": "x"} for number in range(count)]}
        if spec.input["tool"] == "http_fetch":
            led_to = self.data.draw(st.sampled_from(["", "https://example.org/0", "https://medium.com/x"]))
            title = self.data.draw(st.sampled_from(["x", "", "a](https://evil.example) [b"]))
            text = self.data.draw(st.sampled_from(["The page says it.", "", "The page says it. It says more."]))
            url = led_to or spec.input["arguments"]["url"]
            return {"url": url, "status": 200, "title": title, "text": text}
        return 1

    def set(
        self,
        key: str,
        status: StepStatus,
        *,
        output: Mapping[str, Any] | None = None,
        error: Mapping[str, Any] | None = None,
    ) -> None:
        spec = self.specs[key]
        self.views[key] = StepView(key, spec.kind, status, spec.title, spec.depends_on, output, error)

    def count(self, kind: StepKind, prefix: str = "") -> int:
        return sum(spec.kind is kind and spec.key.startswith(prefix) for spec in self.specs.values())


def _without_output(view: StepView) -> StepView:
    return StepView(view.key, view.kind, view.status, view.title, view.depends_on, None, view.error)
