"""What a planner may answer: every field of a subtask reaches its agent, and each thing that is wrong is named."""

from typing import Any

import pytest

from orchestration.strategies import STRATEGIES, Fail, Spawn
from orchestration.strategies.plan import PlanLimits, plan_parse
from orchestration.types import StepKind, StepSpec, StepStatus, StepView
from tests.unit.orchestration.strategies.views import PARAMETERS, step, view_of

LIMITS = PlanLimits(known_tools=("python", "calculator"), known_roles=("generalist", "analyst"), max_subtasks=5)


def subtask(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "title": name, "instruction": f"do {name}", **more}


def problems_of(*subtasks: dict[str, Any]) -> str:
    plan, problems = plan_parse({"subtasks": list(subtasks)}, LIMITS)
    assert (plan is None) == bool(problems)
    return " ".join(problems)


def planned(*subtasks: dict[str, Any]) -> StepView:
    content = {"subtasks": list(subtasks), "synthesis_instruction": "join"}
    return step("plan", StepKind.PLAN, StepStatus.SUCCEEDED, output={"plan": content})


def spawned(view: StepView, **strategy: Any) -> dict[str, StepSpec]:
    move = STRATEGIES["dag"].next(view_of(view, parameters={**PARAMETERS, "strategy": strategy}))
    assert isinstance(move, Spawn), move
    return {spec.key: spec for spec in move.steps}


def test_every_field_of_a_subtask_reaches_its_agent() -> None:
    steps = spawned(
        planned(
            subtask("a", produces=["sales"], tools=["python"], role="analyst", tier="large", output_format="table"),
            subtask("b", consumes=["sales"], parameters={"year": 2021}),
        )
    )
    first, second = steps["agent-a"], steps["agent-b"]
    assert (first.input["tools"], first.input["role"]) == (["python"], "analyst")
    assert (first.input["tier"], first.input["answer_format"]) == ("large", "table")
    assert "Hand on: sales" in first.input["instruction"]
    assert second.depends_on == ("agent-a",), "who consumes waits for who produces"
    assert "You are given: sales" in second.input["instruction"]
    assert '{"year": 2021}' in second.input["instruction"]


def test_a_request_that_gives_the_part_a_tier_goes_before_the_plan() -> None:
    steps = spawned(planned(subtask("a", tier="large"), subtask("b")), tiers={"work": "small"})
    assert {spec.input["tier"] for spec in steps.values() if spec.kind is StepKind.AGENT} == {"small"}


@pytest.mark.parametrize(
    ("subtasks", "complaint"),
    [
        ([subtask("a", role="king")], "`role` of `a` is 'king'"),
        ([subtask("a", tier="huge")], "`tier` of `a` is 'huge'"),
        ([subtask("a", output_format="xml")], "`output_format` of `a` is 'xml'"),
        ([subtask("a", parameters=[1])], "`parameters` of `a` must be a JSON object"),
        ([subtask("a", parameters="{")], "`parameters` of `a` must be a JSON object"),
        ([subtask("a", consumes=["x"])], "`a` consumes `x`, which no subtask produces"),
        ([subtask("a", produces=["x"]), subtask("b", produces=["x"])], "`x` is produced by both `a` and `b`"),
        ([subtask("a", produces=["x"], consumes=["x"])], "cycle"),
        ([subtask("a", produces=["x"], consumes=["y"]), subtask("b", produces=["y"], consumes=["x"])], "cycle"),
        ([subtask("a", tools=["hammer", "saw"])], "unknown tools hammer, saw; known: calculator, python"),
    ],
)
def test_what_is_wrong_is_said_so_that_a_model_can_mend_it(subtasks: list[dict[str, Any]], complaint: str) -> None:
    assert complaint in problems_of(*subtasks)


def test_in_parallel_a_dependency_is_refused_and_in_sequence_there_is_one_more() -> None:
    three = planned(subtask("a"), subtask("b"), subtask("c", depends_on=["a"]))
    move = STRATEGIES["dag"].next(view_of(three, parameters={**PARAMETERS, "strategy": {"execution": "parallel"}}))
    assert isinstance(move, Spawn)
    assert [spec.key for spec in move.steps] == ["plan-repair"]
    assert "here all subtasks run at once" in move.steps[0].input["problems"][0]
    sequence = spawned(three, execution="sequential")
    assert sequence["agent-b"].depends_on == ("agent-a",)
    assert sequence["agent-c"].depends_on == ("agent-a", "agent-b")


def test_without_a_synthesis_the_results_are_the_answer_and_what_failed_is_named() -> None:
    view = planned(subtask("a"), subtask("b"))
    assert set(spawned(view, synthesize=False)) == {"agent-a", "agent-b"}
    error = {"code": "BROKEN", "message": "the page was not there", "retryable": False, "details": {}}
    ended = view_of(
        view,
        step("agent-a", StepKind.AGENT, StepStatus.SUCCEEDED, output={"text": "found"}),
        step("agent-b", StepKind.AGENT, StepStatus.FAILED, error=error),
        parameters={**PARAMETERS, "strategy": {"synthesize": False}},
    )
    move = STRATEGIES["dag"].next(ended)
    assert not isinstance(move, Fail | Spawn)
    assert move.metadata["failed_subtasks"][0]["error"] == "the page was not there"  # type: ignore[union-attr]
    assert "Not done: the page was not there" in move.result  # type: ignore[union-attr]
