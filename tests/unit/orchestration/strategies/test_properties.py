"""Every strategy, whatever models answer and whichever steps fail: it ends, in order, and within its limits."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.forms import FORMS
from orchestration.engine.dependencies import BlockedStep, releases
from orchestration.strategies import OFFERED, Fail, Finish, Spawn, Strategy, Wait, next_move
from orchestration.types import (
    STEP_TERMINAL,
    OnDependencyFailure,
    StepKind,
    StepSpec,
    StepStatus,
    StepView,
    TaskView,
)
from tests.unit.orchestration.strategies.views import PARAMETERS, TASK_ID, error_of

NAMES = ["a", "b", "c", "t1", "t2", "side-1", "1", "2", "1.1", "A", "B", "lead", "ada", "ben"]
TOOLS = ["python", "calculator", "unknown_tool"]
MAX_STEPS = 400


def form_values(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return answers that fit a form: what the engine lets through."""
    names, score, line = st.sampled_from(NAMES), st.floats(0, 1), st.sampled_from(["x", "y", "The answer is 4.", ""])
    assignment = st.fixed_dictionaries(
        {
            "id": names,
            "title": line,
            "instruction": line,
            "owner": names,
            "role": st.sampled_from(["generalist", "analyst", "nobody"]),
            "tools": st.lists(st.sampled_from(TOOLS), max_size=2),
            "depends_on": st.lists(names, max_size=3),
        }
    )
    mail = st.fixed_dictionaries({"to": names, "text": line})
    fields: dict[str, dict[str, st.SearchStrategy[Any]]] = {
        "argument": {"position": line, "argument": line, "confidence": score},
        "ballot": {"ranking": st.lists(names, min_size=1, max_size=5), "reason": line},
        "chain": {"thoughts": st.lists(line, min_size=1, max_size=3), "answer": line, "confidence": score},
        "critique": {
            "score": score,
            "verdict": st.sampled_from(["accept", "revise"]),
            "issues": st.lists(line, max_size=2),
        },
        "lead": {
            "decision": st.sampled_from(["delegate", "finish"]),
            "note": line,
            "tasks": st.lists(assignment, max_size=6),
            "messages": st.lists(mail, max_size=3),
        },
        "react": {
            "thought": line,
            "action": st.sampled_from(["tool", "answer"]),
            "tool": st.sampled_from(TOOLS),
            "arguments": st.sampled_from(["{}", "[", '{"a": 1}', "null"]),
            "answer": line,
        },
        "scores": {
            "scores": st.lists(
                st.fixed_dictionaries({"id": names, "score": score, "reason": line}), min_size=1, max_size=5
            )
        },
        "thoughts": {
            "thoughts": st.lists(
                st.fixed_dictionaries({"thought": line, "is_final": st.booleans()}), min_size=1, max_size=6
            )
        },
        "verdict": {"winner": names, "reasons": st.lists(line, max_size=2), "answer": line},
        "route": {"strategy": names, "confidence": score, "reasons": st.lists(line, max_size=2)},
        "shape": {},
        "research_plan": {
            "question": line,
            "dimensions": st.lists(
                st.fixed_dictionaries(
                    {"id": names, "title": line, "question": line, "queries": st.lists(line, min_size=1, max_size=2)}
                ),
                min_size=1,
                max_size=3,
            ),
        },
        "findings": {
            "findings": st.lists(
                st.fixed_dictionaries(
                    {"claim": line, "source": names, "quote": st.sampled_from(["The page says it.", "It does not."])}
                ),
                max_size=3,
            )
        },
        "coverage": {
            "is_enough": st.booleans(),
            "gaps": st.lists(st.fixed_dictionaries({"dimension": names, "query": line}), max_size=3),
        },
        "report": {"report": st.sampled_from(["It is so [1].", "Nothing [99].", "[1][2] both"])},
        "verification": {
            "claims": st.lists(
                st.fixed_dictionaries(
                    {
                        "claim": line,
                        "source": names,
                        "verdict": st.sampled_from(["supported", "unsupported", "insufficient"]),
                        "sentence": st.sampled_from(["The page says it.", "invented sentence"]),
                    }
                ),
                max_size=3,
            )
        },
    }
    return st.fixed_dictionaries(fields[name])


def plans() -> st.SearchStrategy[dict[str, Any] | None]:
    """Return drafts of plans, sound and unsound."""
    names = st.sampled_from(["s1", "s2", "s3"])
    subtask = st.fixed_dictionaries(
        {
            "id": names,
            "title": st.just("t"),
            "instruction": st.just("do it"),
            "depends_on": st.lists(names, max_size=2),
            "tools": st.lists(st.sampled_from(TOOLS), max_size=2),
            "produces": st.lists(st.sampled_from(["x", "y"]), max_size=1),
            "consumes": st.lists(st.sampled_from(["x", "y"]), max_size=1),
        }
    )
    plan = st.fixed_dictionaries(
        {"subtasks": st.lists(subtask, max_size=6), "synthesis_instruction": st.just("join them")}
    )
    return st.one_of(st.none(), plan)


def parameters_of(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return parameters within the declared limits."""
    limits: dict[str, dict[str, st.SearchStrategy[Any]]] = {
        "dag": {"execution": st.sampled_from(["hybrid", "parallel", "sequential"]), "synthesize": st.booleans()},
        "react": {"max_iterations": st.integers(1, 6), "window": st.integers(1, 3)},
        "chain_of_thought": {"samples": st.integers(1, 5)},
        "reflection": {"threshold": st.floats(0, 1), "max_rounds": st.integers(1, 4)},
        "debate": {
            "variant": st.sampled_from(["debate", "council"]),
            "sides": st.integers(2, 4),
            "rounds": st.integers(1, 3),
        },
        "tree_of_thoughts": {
            "breadth": st.integers(2, 3),
            "depth": st.integers(1, 4),
            "beam": st.integers(1, 3),
            "max_thoughts": st.integers(2, 20),
        },
        "supervisor": {
            "max_rounds": st.integers(1, 5),
            "max_agents": st.integers(1, 4),
            "max_tasks": st.integers(1, 6),
        },
        "research": {
            "depth": st.sampled_from(["quick", "standard", "deep", "academic"]),
            "rounds": st.integers(1, 4),
            "verify": st.booleans(),
        },
        "swarm": {
            "max_rounds": st.integers(1, 5),
            "max_agents": st.integers(1, 4),
            "max_tasks": st.integers(1, 6),
            "max_messages": st.integers(0, 5),
        },
    }
    return st.fixed_dictionaries(limits.get(name, {}))


@st.composite
def workflows(draw: st.DrawFn) -> dict[str, Any]:
    """Return workflows of up to five nodes with conditions, lists and every way to go on after a failure."""
    nodes: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 5))):
        earlier = [str(node["id"]) for node in nodes]
        before: list[str] = draw(st.lists(st.sampled_from(earlier), unique=True)) if earlier else []
        flag = st.booleans()
        may_combine: bool = draw(flag)
        combines = bool(before) and may_combine
        strategy = "combine" if combines else draw(st.sampled_from(["simple", "chain_of_thought", "reflection"]))
        node: dict[str, Any] = {
            "id": f"n{number}",
            "instruction": "Do {{item}} of {{inputs.x}}",
            "strategy": strategy,
            "depends_on": before,
            "on_fail": {
                "retry": draw(st.integers(0, 2)),
                "degrade_to": draw(st.sampled_from(["", "simple"])),
                "escalate_to": draw(st.sampled_from(["", "large"])),
                "go_on": draw(flag),
            },
        }
        has_condition: bool = draw(flag)
        if before and has_condition:
            node["when"] = {"value": f"nodes.{before[0]}", "contains": "done"}
        has_list: bool = draw(flag)
        if not combines and has_list:
            node["for_each"] = draw(st.sampled_from(["inputs.list", "inputs.none"]))
        nodes.append(node)
    return {"name": "drawn", "nodes": nodes, "answer": nodes[-1]["id"]}


class Engine:
    """Plays the engine: dependencies are released by the engine's own rules, in an order that the data chooses."""

    def __init__(self, strategy: Strategy, parameters: Mapping[str, Any], data: st.DataObject) -> None:
        self.strategy, self.data = strategy, data
        self.parameters: dict[str, Any] = {**PARAMETERS, "strategy": parameters}
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
        for _ in range(MAX_STEPS * 2):
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
        assert len(self.views) <= MAX_STEPS, "too many steps"
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
            return {"url": spec.input["arguments"]["url"], "status": 200, "title": "x", "text": "The page says it."}
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


@pytest.mark.parametrize("name", sorted(OFFERED))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_it_always_ends_in_order_and_never_makes_a_step_twice(name: str, data: st.DataObject) -> None:
    engine = Engine(OFFERED[name], data.draw(parameters_of(name)), data)
    move = engine.run()
    if isinstance(move, Finish) and move.from_step:
        assert engine.views[move.from_step].status is StepStatus.SUCCEEDED


@pytest.mark.parametrize("name", ["supervisor", "swarm"])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_team_never_grows_beyond_its_limits(name: str, data: st.DataObject) -> None:
    given_parameters = data.draw(parameters_of(name))
    engine = Engine(OFFERED[name], given_parameters, data)
    engine.run()
    agents = [spec for spec in engine.specs.values() if spec.kind is StepKind.AGENT]
    owners = {spec.input["agent_id"] for spec in agents if "agent_id" in spec.input}
    assert len(owners) <= given_parameters["max_agents"]
    assert engine.count(StepKind.DECIDE, "lead-") <= given_parameters["max_rounds"]
    if name == "supervisor":
        assert len(agents) <= max(given_parameters["max_tasks"], 1)
    known = ["python", "calculator"]
    assert all(tool in known for spec in agents for tool in spec.input.get("tools", []))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_tree_never_has_more_thoughts_or_levels_than_allowed(data: st.DataObject) -> None:
    given_parameters = data.draw(parameters_of("tree_of_thoughts"))
    engine = Engine(OFFERED["tree_of_thoughts"], given_parameters, data)
    engine.run()
    assert engine.count(StepKind.DECIDE, "score-") <= given_parameters["depth"]
    beam = given_parameters["beam"]
    assert engine.count(StepKind.DECIDE, "expand-") <= 1 + beam * (given_parameters["depth"] - 1)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_reasoning_stops_at_its_last_iteration(data: st.DataObject) -> None:
    given_parameters = data.draw(parameters_of("react"))
    engine = Engine(OFFERED["react"], given_parameters, data)
    engine.run()
    assert engine.count(StepKind.DECIDE) <= given_parameters["max_iterations"]
    assert engine.count(StepKind.TOOL) < given_parameters["max_iterations"]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_revision_that_loses_a_citation_is_never_the_answer(data: st.DataObject) -> None:
    engine = Engine(OFFERED["reflection"], data.draw(parameters_of("reflection")), data)
    move = engine.run()
    if isinstance(move, Finish) and "[1]" in str((engine.views["draft-0"].output or {}).get("text")):
        assert "[1]" in move.result


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_research_reads_no_page_twice_and_cites_only_pages_that_were_read(data: st.DataObject) -> None:
    engine = Engine(OFFERED["research"], data.draw(parameters_of("research")), data)
    move = engine.run()
    fetched = [
        spec.input["arguments"]["url"] for spec in engine.specs.values() if spec.input.get("tool") == "http_fetch"
    ]
    assert len(fetched) == len(set(fetched))
    if isinstance(move, Finish):
        for citation in move.metadata["citations"]:
            assert engine.views[citation["step_key"]].status is StepStatus.SUCCEEDED
        proven = [claim for claim in move.metadata["claims"] if claim["verdict"] == "supported"]
        assert all(claim["sentence"] == "The page says it." for claim in proven)
