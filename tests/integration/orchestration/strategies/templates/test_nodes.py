"""What becomes of a template's nodes: their order, conditions, budgets, tools and failures."""

from typing import Any
from uuid import uuid5

import pytest

from agents.models import JournalEntry
from agents.selectors import roles_of
from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.models import Event, Step, Task, WorkflowTemplate
from orchestration.services import task_submit
from orchestration.strategies.workflow import Workflow
from orchestration.types import TaskRequest, TaskStatus
from orchestration.workflows.estimate import dry_run
from orchestration.workflows.service import (
    template_save,
    templates_load,
)
from policy.models import Budget
from policy.types import Principal
from tests.integration.orchestration.playing import principal
from tests.integration.orchestration.strategies.templates.running import keys_of, run

__all__ = ["principal"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_items_run_at_the_same_time_and_nodes_wait_only_for_what_they_need(principal: Principal) -> None:
    templates_load()
    task = run(principal, "calculation", {"expressions": ["6 * 7", "2 + 3"]})
    first_wave = ["compute.1/agent", "compute.2/agent"]
    assert keys_of(task)[:2] == first_wave
    assert "check.2/chain-3" in keys_of(task)
    last = Step.objects.get(task=task, key="list/combine")
    assert set(first_wave) < set(last.depends_on)
    assert "42" in (task.result or "")


def test_a_condition_that_does_not_hold_skips_its_node(principal: Principal) -> None:
    templates_load()
    task = run(principal, "triage", {"incident": "The logo is a bit too large. 2 + 2?"})
    assert task.result_metadata["nodes"]["investigate"] == "skipped"
    quick = run(principal, "reviewed-text", {"brief": "Say hello", "quality": "quick"})
    assert quick.result_metadata["nodes"] == {"quick": "done", "thorough": "skipped", "text": "done"}


CHEAP = """
name: cheap
nodes:
  - {id: think, instruction: Work out 2 + 2, strategy: tree_of_thoughts, budget_tokens: 5000}
  - {id: after, instruction: "What is 1 + 1? Mind the result before.", depends_on: [think]}
"""


def test_a_node_whose_budget_is_small_degrades_and_says_so(principal: Principal) -> None:
    template_save(tenant_id=principal.tenant_id, text=CHEAP, origin="cheap.yaml")
    task = run(principal, "cheap", {})
    assert task.status == TaskStatus.COMPLETED, task.error
    assert keys_of(task) == ["think/chain-1", "after/agent"]
    told = Event.objects.get(task=task, kind="BUDGET_THRESHOLD", payload__node="think").payload
    assert (told["node"], told["from"], told["to"]) == ("think", "tree_of_thoughts", "chain_of_thought")


CAPPED = """
name: capped
nodes:
  - id: work
    instruction: Should cities ban private cars?
    strategy: chain_of_thought
    parameters: {samples: 5}
    budget_tokens: 6000
    on_fail: {retry: 1, go_on: true}
  - {id: after, instruction: "What is 1 + 1?", depends_on: [work]}
"""


def test_the_steps_of_a_node_share_a_budget_that_cannot_be_overdrawn_and_each_attempt_has_its_own(
    principal: Principal,
) -> None:
    template_save(tenant_id=principal.tenant_id, text=CAPPED, origin="capped.yaml")
    task = task_submit(principal=principal, request=TaskRequest(query="x", template="capped")).task
    fail_steps(task.id, {f"work/chain-{number}" for number in range(1, 5)})
    ended = Task.objects.get(id=task.id)
    assert ended.status == TaskStatus.COMPLETED, ended.error
    budgets = Budget.objects.filter(scope="node", tenant_id=principal.tenant_id)
    assert [(budget.limit_tokens, budget.scope_id) for budget in budgets] == [(6000, uuid5(task.id, "work"))]
    step = Step.objects.get(task=task, key="work/chain-5")
    assert budgets[0].spent_tokens == step.prompt_tokens + step.completion_tokens > 0
    assert budgets[0].reserved_tokens == 0


def test_a_node_that_used_up_its_budget_fails_as_it_says_and_the_others_go_on(principal: Principal) -> None:
    text = CAPPED.replace("6000", "4100").replace("samples: 5", "samples: 7").replace("retry: 1", "degrade_to: simple")
    template_save(tenant_id=principal.tenant_id, text=text, origin="capped.yaml")
    template = WorkflowTemplate.objects.get(name="capped")
    task = run(principal, "capped", {})
    assert task.status == TaskStatus.COMPLETED, task.error
    refused = Step.objects.filter(task=task, status="failed")
    assert refused
    assert {(step.error or {})["code"] for step in refused} == {"BUDGET_EXCEEDED"}
    assert {(step.error or {})["details"]["scope"] for step in refused} == {"node"}
    assert all(budget.spent_tokens <= 4100 for budget in Budget.objects.filter(scope="node"))
    told = dry_run(Workflow.model_validate(template.workflow), {}, roles=roles_of(principal.tenant_id))
    (work,) = [node for node in told["nodes"] if node["id"] == "work"]
    assert work["worst_case"]["tokens"] == 2 * 4100


WITHOUT_ONE_STEP = """
name: parts
nodes:
  - id: parts
    instruction: Count the words in 'a b c', and then work out 12 * 12
    strategy: dag
    parameters: {synthesize: false}
  - {id: after, instruction: Add 1 to it., depends_on: [parts]}
"""


def test_a_node_whose_answer_is_no_single_step_hands_on_what_it_is_made_of(principal: Principal) -> None:
    template_save(tenant_id=principal.tenant_id, text=WITHOUT_ONE_STEP, origin="parts.yaml")
    task = run(principal, "parts", {})
    assert task.status == TaskStatus.COMPLETED, task.error
    after = Step.objects.get(task=task, key="after/agent")
    assert after.depends_on == ["parts/agent-s1", "parts/agent-s2"]


@pytest.mark.parametrize("strategy", ["dag", "react", "supervisor"])
def test_a_node_whose_models_choose_tools_chooses_among_those_that_it_lists(
    principal: Principal, strategy: str
) -> None:
    text = f"name: bare\nnodes:\n  - {{id: a, instruction: 'What is 17 * (3 + 4)?', tools: [], strategy: {strategy}}}\n"
    template_save(tenant_id=principal.tenant_id, text=text, origin="bare.yaml")
    task = run(principal, "bare", {})
    assert (task.status, task.tool_calls) == (TaskStatus.COMPLETED, 0), task.error
    asked = JournalEntry.objects.filter(task_id=task.id).values_list("request", flat=True)
    assert asked
    assert "- calculator:" not in str(list(asked))


FAILING = """
name: failing
nodes:
  - id: work
    instruction: What is 2 + 2?
    strategy: chain_of_thought
    parameters: {samples: 1}
    on_fail: {retry: 1, degrade_to: simple, escalate_to: large}
"""


def fail_steps(task_id: Any, keys: set[str]) -> None:
    """Play the task; steps with these keys fail before they begin."""
    for _ in range(20):
        task = Task.objects.get(id=task_id)
        if task.status not in {TaskStatus.QUEUED, TaskStatus.RUNNING}:
            return
        task_advance(task_id)
        error = {"code": "BROKEN", "message": "it broke", "retryable": False, "details": {}}
        Step.objects.filter(task_id=task_id, key__in=keys, status="ready").update(status="failed", error=error)
        drain(task_id, first=None)


@pytest.mark.parametrize(
    ("failing", "answered_by"),
    [
        ({"work/chain-1"}, "work@retry1/chain-1"),
        ({"work/chain-1", "work@retry1/chain-1"}, "work@degraded/agent"),
        ({"work/chain-1", "work@retry1/chain-1", "work@degraded/agent"}, "work@escalated/chain-1"),
    ],
)
def test_a_node_that_fails_is_tried_again_then_degraded_then_escalated(
    principal: Principal, failing: set[str], answered_by: str
) -> None:
    template_save(tenant_id=principal.tenant_id, text=FAILING, origin="failing.yaml")
    request = TaskRequest(query="x", template="failing")
    task = task_submit(principal=principal, request=request).task
    fail_steps(task.id, failing)
    ended = Task.objects.get(id=task.id)
    assert ended.status == TaskStatus.COMPLETED
    assert keys_of(ended)[-1] == answered_by
    told = Event.objects.filter(task=ended, kind="ERROR_RECOVERY")
    assert [event.payload["how"] for event in told] == ["retry1", "degraded", "escalated"][: len(failing)]
    if answered_by.startswith("work@escalated"):
        assert Step.objects.get(task=ended, key=answered_by).input["tier"] == "large"
