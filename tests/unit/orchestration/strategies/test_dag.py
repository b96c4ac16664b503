"""The dag strategy: plan, repair once, fan out, join."""

from typing import Any

import pytest

from orchestration.strategies import STRATEGIES, Fail, Finish, Spawn
from orchestration.types import OnDependencyFailure, StepKind, StepStatus
from tests.unit.orchestration.strategies.views import error_of, run_to_end, step, view_of

DAG = STRATEGIES["dag"]


def subtask(name: str, *depends_on: str, tools: tuple[str, ...] = ("python",)) -> dict[str, Any]:
    return {
        "id": name,
        "title": f"Do {name}",
        "instruction": f"Please do {name}.",
        "depends_on": list(depends_on),
        "tools": list(tools),
    }


def plan(*subtasks: dict[str, Any]) -> dict[str, Any]:
    return {"subtasks": list(subtasks), "synthesis_instruction": "Put it together."}


def planned(content: Any, key: str = "plan") -> Any:
    return step(key, StepKind.PLAN, StepStatus.SUCCEEDED, output={"plan": content})


def test_the_first_move_is_one_plan() -> None:
    move = DAG.next(view_of())
    assert isinstance(move, Spawn)
    assert [spec.key for spec in move.steps] == ["plan"]


def test_a_valid_plan_becomes_one_agent_per_subtask_and_a_synthesis_of_all() -> None:
    move = DAG.next(view_of(planned(plan(subtask("a"), subtask("b", "a")))))
    assert isinstance(move, Spawn)
    by_key = {spec.key: spec for spec in move.steps}
    assert by_key["agent-b"].depends_on == ("agent-a",)
    assert by_key["agent-b"].on_dependency_failure is OnDependencyFailure.SKIP
    assert by_key["synthesize"].depends_on == ("agent-a", "agent-b")
    assert by_key["synthesize"].on_dependency_failure is OnDependencyFailure.RUN
    assert by_key["agent-a"].input["tools"] == ["python"]


def test_a_plan_of_one_subtask_needs_no_synthesis() -> None:
    move, specs = run_to_end(DAG, {StepKind.PLAN: {"plan": plan(subtask("a"))}, StepKind.AGENT: {"text": "done"}})
    assert move == Finish(result="done", from_step="agent-a")
    assert set(specs) == {"plan", "agent-a"}
    assert specs["agent-a"].input["is_final"] is True


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (None, "not a JSON object"),
        ({}, "at least one subtask"),
        ({"subtasks": []}, "at least one subtask"),
        (plan(*(subtask(f"s{n}") for n in range(6))), "at most 5"),
        (plan(subtask("a", "b"), subtask("b", "a")), "cycle"),
        (plan(subtask("a", "a")), "cycle"),
        (plan(subtask("a", "ghost")), "does not exist"),
        (plan(subtask("a"), subtask("a")), "not unique"),
        (plan(subtask("a", tools=("rm_rf",))), "unknown tools rm_rf"),
        ({"subtasks": ["a"]}, "not an object"),
        ({"subtasks": [{"id": "a"}]}, "`instruction`"),
        ({"subtasks": [{"id": 7, "instruction": "x"}]}, "`id`"),
        ({"subtasks": [{**subtask("a"), "depends_on": "b"}]}, "list of strings"),
    ],
)
def test_a_broken_plan_is_asked_for_once_more_with_its_problems_and_then_refused(broken: Any, complaint: str) -> None:
    repair = DAG.next(view_of(planned(broken)))
    assert isinstance(repair, Spawn)
    assert [spec.key for spec in repair.steps] == ["plan-repair"]
    assert complaint in " ".join(repair.steps[0].input["problems"])
    assert repair.steps[0].input.get("previous_plan") == broken
    refused = DAG.next(view_of(planned(broken), planned(broken, "plan-repair")))
    assert isinstance(refused, Fail)
    assert refused.error["code"] == "PLAN_INVALID"
    assert complaint in refused.error["message"]


def test_a_mended_plan_is_carried_out() -> None:
    move = DAG.next(view_of(planned(None), planned(plan(subtask("a"), subtask("b")), "plan-repair")))
    assert isinstance(move, Spawn)
    assert {spec.key for spec in move.steps} == {"agent-a", "agent-b", "synthesize"}


def test_a_planner_that_fails_fails_the_task() -> None:
    failed = step("plan", StepKind.PLAN, StepStatus.FAILED, error=error_of("no model"))
    assert DAG.next(view_of(failed)) == Fail(error=error_of("no model"))


def test_the_synthesis_runs_although_a_subtask_failed() -> None:
    outputs: dict[StepKind, dict[str, Any]] = {
        StepKind.PLAN: {"plan": plan(subtask("a"), subtask("b"))},
        StepKind.AGENT: {"text": "b is done"},
        StepKind.SYNTHESIZE: {"text": "b is done, a is not"},
    }
    move, _ = run_to_end(DAG, outputs, failing=frozenset({"agent-a"}))
    failed = {"id": "a", "title": "agent-a", "status": "failed", "error": "agent-a broke"}
    expected = Finish("b is done, a is not", {"failed_subtasks": [failed]}, from_step="synthesize")
    assert move == expected


def test_a_failed_synthesis_fails_the_task() -> None:
    outputs: dict[StepKind, dict[str, Any]] = {
        StepKind.PLAN: {"plan": plan(subtask("a"), subtask("b"))},
        StepKind.AGENT: {"text": "done"},
    }
    move, _ = run_to_end(DAG, outputs, failing=frozenset({"synthesize"}))
    assert move == Fail(error=error_of("synthesize broke"))
