"""Every strategy on the offline model, from a request to its answer, with the events that show how it works."""

from collections import Counter
from typing import Any

import pytest

from agents.models import ModelCall
from orchestration.models import Event, Step, Task
from orchestration.services import task_submit
from orchestration.types import TaskRequest, TaskStatus
from policy.types import Principal
from sandbox.services import workspace_open
from tests.integration.orchestration.playing import play, principal
from tests.integration.orchestration.strategies.asked import SUM, THREE

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)


def run(principal: Principal, query: str, mode: str, **request: Any) -> Task:
    task = task_submit(principal=principal, request=TaskRequest(query=query, mode=mode, **request)).task
    ended = play(task.id)
    assert ended.status == TaskStatus.COMPLETED, ended.error
    return ended


def keys_of(task: Task) -> list[str]:
    return list(Step.objects.filter(task=task).order_by("position").values_list("key", flat=True))


def events_of(task: Task) -> Counter[str]:
    return Counter(Event.objects.filter(task=task).values_list("kind", flat=True))


def test_a_question_that_needs_no_more_is_one_step_and_one_model_call(principal: Principal) -> None:
    task = run(principal, "Say hello to the town", "simple")
    assert keys_of(task) == ["agent"]
    assert (task.model_calls, task.tool_calls) == (1, 0)
    assert ModelCall.objects.filter(tenant_id=principal.tenant_id).count() == 1, "and nobody is asked behind the scenes"


def test_react_thinks_calls_a_tool_looks_and_answers(principal: Principal) -> None:
    task = run(principal, SUM, "react")
    assert keys_of(task) == ["think-1", "act-1", "think-2"]
    assert "119" in (task.result or "")
    assert task.result_metadata["iterations"] == 2
    assert events_of(task)["TOOL_INVOKED"] == 1


def test_react_may_call_only_the_tools_of_its_task(principal: Principal) -> None:
    task = task_submit(principal=principal, request=TaskRequest(query=SUM, mode="react")).task
    Task.objects.filter(id=task.id).update(parameters={**task.parameters, "tools": []})
    assert play(task.id).tool_calls == 0


def test_chain_of_thought_counts_the_answers_of_several_chains(principal: Principal) -> None:
    task = run(principal, SUM, "chain_of_thought", strategy_parameters={"samples": 3})
    assert keys_of(task) == ["chain-1", "chain-2", "chain-3"]
    assert (task.result_metadata["votes"], task.result_metadata["chains"]) == (3, 3)
    assert "119" in (task.result or "")


def test_reflection_accepts_a_good_draft_and_revises_a_bad_one(principal: Principal) -> None:
    good = run(principal, SUM, "reflection")
    assert keys_of(good) == ["draft-0", "critique-0"]
    assert good.result_metadata["stopped"] == "good enough"
    bad = run(principal, "Tell me the secret of the universe", "reflection", strategy_parameters={"max_rounds": 1})
    assert keys_of(bad) == ["draft-0", "critique-0", "draft-1", "critique-1"]
    assert bad.result_metadata["stopped"] == "rounds used up"
    assert len(bad.result_metadata["scores"]) == 2


def test_debate_argues_in_rounds_until_the_judge_concludes(principal: Principal) -> None:
    task = run(principal, "Should cities ban cars?", "debate", strategy_parameters={"sides": 2, "rounds": 2})
    assert keys_of(task) == ["side-1-round-1", "side-2-round-1", "side-1-round-2", "side-2-round-2", "judge"]
    assert task.result_metadata["winner"] in {"side-1", "side-2"}


def test_a_debate_whose_sides_agree_ends_early(principal: Principal) -> None:
    task = run(principal, SUM, "debate", strategy_parameters={"sides": 2, "rounds": 5})
    assert keys_of(task) == ["side-1-round-1", "side-2-round-1", "judge"]


def test_a_council_votes_blindly_and_its_chair_concludes(principal: Principal) -> None:
    task = run(principal, SUM, "debate", strategy_parameters={"variant": "council", "sides": 2})
    assert keys_of(task) == ["member-1", "member-2", "ballot-1", "ballot-2", "judge"]
    told = Event.objects.get(task=task, kind="PROGRESS").payload
    assert sum(told["points"].values()) == 2
    assert "119" in (task.result or "")


def test_tree_of_thoughts_scores_and_prunes_and_follows_the_best(principal: Principal) -> None:
    task = run(principal, SUM, "tree_of_thoughts")
    assert keys_of(task) == ["expand-1-1", "score-1", "answer"]  # a complete thought that scores enough ends it
    open_ended = run(principal, "Plan a week in Rome for a child", "tree_of_thoughts", strategy_parameters={"depth": 2})
    assert keys_of(open_ended) == ["expand-1-1", "score-1", "expand-2-1", "expand-2-2", "score-2", "answer"]
    assert Event.objects.get(task=open_ended, kind="PROGRESS").payload["levels"] == 2


def test_a_supervisor_recruits_hands_out_tasks_and_reads_the_results(principal: Principal) -> None:
    task = run(principal, THREE, "supervisor")
    assert keys_of(task) == ["lead-1", "work-1-1", "work-1-2", "work-1-3", "lead-2", "synthesize"]
    events = events_of(task)
    assert events["LEAD_DECISION"] == 2
    assert events["TEAM_RECRUITED"] == events["ROLE_ASSIGNED"] == 3
    assert "144" in (task.result or "")


def test_a_swarm_publishes_and_converges(principal: Principal) -> None:
    task = run(principal, THREE, "swarm")
    events = events_of(task)
    assert events["LEAD_DECISION"] >= 2
    assert events["TASKLIST_UPDATED"] >= 2
    assert events["WORKSPACE_UPDATED"] == 3
    assert events["TEAM_STATUS"] == 1
    assert "81" in (task.result or "")


def test_members_of_a_swarm_whose_task_waits_are_told_by_mail(principal: Principal) -> None:
    task = run(principal, "Work out 6 * 7, and then add 8 to the result", "swarm")
    sent = Event.objects.filter(task=task, kind="MESSAGE_SENT")
    assert [(event.payload["from"], event.payload["to"]) for event in sent] == [("ada", "ben")]
    assert "50" in (task.result or "")


def test_an_answer_comes_in_the_callers_form(principal: Principal) -> None:
    schema = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]}
    form = {"type": "json_schema", "json_schema": {"name": "sum", "schema": schema}}
    task = run(principal, SUM, "simple", response_format=form)
    assert keys_of(task) == ["agent", "answer-shape"]
    assert task.result == '{"sum": 119}'


def test_a_small_budget_degrades_the_strategy_and_says_so(principal: Principal) -> None:
    task = run(principal, SUM, "tree_of_thoughts", context={"budget_max": 19_000})
    assert task.strategy == "chain_of_thought"
    told = Event.objects.get(task=task, kind="BUDGET_THRESHOLD").payload
    expected = {"from": "tree_of_thoughts", "to": "chain_of_thought", "needs_tokens": 20_000, "left_tokens": 19_000}
    assert told == {**expected, "budget": {"scope": "task", "period": "", "unit": "tokens"}}


def test_where_the_router_is_unsure_a_small_model_chooses_as_a_step(principal: Principal) -> None:
    task = run(principal, "Should we first count the words in 'a b' and then work out 2 + 3?", "")
    assert task.strategy == "auto"
    assert keys_of(task)[:2] == ["route", "plan"]
    started = Event.objects.get(task=task, kind="WORKFLOW_STARTED").payload["route"]
    assert (started["is_unsure"], started["scores"]) == (True, {"dag": 0.5, "debate": 0.5})
    chosen = Event.objects.get(task=task, kind="PROGRESS").payload
    assert chosen["strategy"] == task.result_metadata["routed_to"] == "dag"


@pytest.mark.parametrize("is_named", [False, True])
def test_a_session_with_files_is_not_left_to_a_strategy_that_cannot_read_them(
    principal: Principal, is_named: bool
) -> None:
    query = "Debate whether we should raise our prices"
    alone = task_submit(principal=principal, request=TaskRequest(query=query, session_id="with-files")).task
    assert alone.strategy == "debate"
    workspace_open(tenant_id=principal.tenant_id, session_id=alone.session_id).write("prices.csv", b"a,b\n1,2\n")
    session_id = "with-files" if is_named else str(alone.session_id)
    task = task_submit(principal=principal, request=TaskRequest(query=query, session_id=session_id)).task
    assert (task.session_id, task.strategy) == (alone.session_id, "auto")
    started = Event.objects.get(task=task, kind="WORKFLOW_STARTED").payload["route"]
    assert started["estimate"]["needs"] == ["files"]
    named = task_submit(
        principal=principal, request=TaskRequest(query=query, session_id=session_id, mode="debate")
    ).task
    assert named.strategy == "debate"
