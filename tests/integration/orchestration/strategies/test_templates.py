"""Templates from their YAML to their answer: saved in versions, checked with lines, carried out without a plan."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid5

import pytest
from django.conf import settings

from agents.models import JournalEntry
from agents.selectors import roles_of
from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.errors import TemplateInvalid, TemplateLimitReached, TemplateNotFound
from orchestration.models import Event, Step, Task, WorkflowTemplate
from orchestration.services import task_submit
from orchestration.strategies.workflow import Workflow
from orchestration.types import TaskRequest, TaskStatus
from orchestration.workflows.estimate import dry_run
from orchestration.workflows.service import (
    template_delete,
    template_for,
    template_prepare,
    template_save,
    templates_load,
)
from policy.models import Budget
from policy.services import tenant_seed
from policy.types import SCOPES, Principal
from shannon_project.foundation.errors import InvalidInput
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)

INPUTS: dict[str, dict[str, Any]] = {
    "calculation": {"expressions": ["6 * 7", "2 + 3"]},
    "comparison": {"things": ["6 * 7", "8 * 9"], "question": "What does it come to?"},
    "data-report": {"file": "prices.csv"},
    "decision": {"question": "Should cities ban cars?"},
    "reviewed-press-release": {"brief": "Say hello to the town", "company": "Acme"},
    "reviewed-text": {"brief": "Say hello to the town", "quality": "quick"},
    "triage": {"incident": "What is 2 + 2? All data is lost, this is severe."},
}


def run(principal: Principal, name: str, inputs: dict[str, Any]) -> Task:
    request = TaskRequest(query=f"Carry out {name}", template=name, template_inputs=inputs)
    return play(task_submit(principal=principal, request=request).task.id)


def keys_of(task: Task) -> list[str]:
    return list(Step.objects.filter(task=task).order_by("position").values_list("key", flat=True))


@pytest.mark.parametrize("name", sorted(INPUTS))
def test_every_example_runs_to_its_answer_without_a_planning_call_and_within_its_dry_run(
    principal: Principal, name: str
) -> None:
    templates_load()
    workflow = Workflow.model_validate(template_for(principal=principal, name=name).workflow)
    told = dry_run(workflow, INPUTS[name], roles=roles_of(principal.tenant_id))
    task = run(principal, name, INPUTS[name])
    assert task.status == TaskStatus.COMPLETED, task.error
    assert task.result
    assert not Step.objects.filter(task=task, kind="plan").exists()
    assert set(task.result_metadata["nodes"].values()) <= {"done", "skipped"}
    assert set(task.result_metadata["nodes"]) == {node["id"] for node in told["nodes"]}
    assert 0 < task.model_calls <= told["worst_case"]["model_calls"]
    assert task.cost_usd <= Decimal(told["worst_case"]["cost_usd"])


@pytest.mark.parametrize("name", ["comparison", "decision"])
def test_an_example_that_says_so_offers_its_agents_no_tool(principal: Principal, name: str) -> None:
    templates_load()
    task = run(principal, name, INPUTS[name])
    assert task.status == TaskStatus.COMPLETED, task.error
    assert task.tool_calls == 0
    agents = Step.objects.filter(task=task, kind="agent")
    assert {tuple(step.input["tools"]) for step in agents} <= {()}


def test_facts_that_come_with_a_request_reach_every_agent_of_a_comparison(principal: Principal) -> None:
    templates_load()
    task = run(principal, "comparison", {**INPUTS["comparison"], "facts": "A has 3 wheels, B has 4."})
    agents = Step.objects.filter(task=task, kind="agent")
    assert len(agents) == 2
    assert all("A has 3 wheels, B has 4." in step.input["instruction"] for step in agents)
    other = run(principal, "comparison", INPUTS["comparison"])
    assert all("none were given" in step.input["instruction"] for step in Step.objects.filter(task=other, kind="agent"))


def test_the_page_on_strategies_lists_every_example() -> None:
    page = (settings.BASE_DIR / "docs" / "strategies.md").read_text()
    assert set(re.findall(r"^\| `([a-z-]+)` \| [^|]+ \| (?:no|yes)[^|]* \|$", page, re.MULTILINE)) == set(INPUTS)


def test_every_example_file_has_a_run_here() -> None:
    assert {path.stem for path in Path(settings.SHANNON_TEMPLATES_DIR).glob("*.yaml")} == set(INPUTS)


def test_loading_twice_makes_no_new_version_and_a_change_makes_one(principal: Principal) -> None:
    assert all(is_new for _, is_new in templates_load())
    assert not any(is_new for _, is_new in templates_load())
    text = "name: mine\nnodes:\n  - {id: a, instruction: 'What is 1 + 1?'}\n"
    first, _ = template_save(tenant_id=principal.tenant_id, text=text, origin="me.yaml")
    second, is_new = template_save(tenant_id=principal.tenant_id, text=text.replace("1 + 1", "2 + 2"), origin="me.yaml")
    assert (first.version, second.version, is_new) == (1, 2, True)
    assert "1 + 1" in template_for(principal=principal, name="mine", version=1).source
    assert "4" in (run(principal, "mine", {}).result or "")
    assert "2" in (run(principal, "mine@1", {}).result or "")


def test_templates_that_extend_each_other_are_refused(principal: Principal) -> None:
    mine: dict[str, Any] = {"tenant_id": principal.tenant_id, "origin": "t.yaml"}
    template_save(text=text_of("one"), **mine)
    template_save(text=text_of("two") + "extends: one\n", **mine)
    with pytest.raises(TemplateInvalid, match=r"t.yaml:4: extends: one -> two -> one does not end"):
        template_save(text=text_of("one") + "extends: two\n", **mine)
    assert template_for(principal=principal, name="one").version == 1


def test_another_tenants_template_is_not_there(principal: Principal) -> None:
    other = tenant_seed(slug="other", name="Other")
    template_save(tenant_id=other.id, text="name: theirs\nnodes:\n  - {id: a, instruction: x}\n", origin="x.yaml")
    with pytest.raises(TemplateNotFound):
        template_for(principal=principal, name="theirs")
    theirs = Principal(other.id, "key:other", "other", frozenset(SCOPES))
    assert template_for(principal=theirs, name="theirs").version == 1


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


def text_of(name: str, sum_of: str = "1 + 1") -> str:
    return f"name: {name}\nnodes:\n  - {{id: a, instruction: 'What is {sum_of}?'}}\n"


def test_a_tenant_has_a_limited_number_of_templates_and_of_versions_of_each(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SHANNON_TEMPLATES_MAX", 2)
    monkeypatch.setattr(settings, "SHANNON_TEMPLATE_VERSIONS_MAX", 3)
    templates_load()  # the platform's own do not count
    mine: dict[str, Any] = {"tenant_id": principal.tenant_id, "origin": "me.yaml"}
    for name in ("first", "second"):
        template_save(text=text_of(name), **mine)
    with pytest.raises(TemplateLimitReached, match="2 templates"):
        template_save(text=text_of("third"), **mine)
    for number in range(2, 7):
        template_save(text=text_of("first", f"1 + {number}"), **mine)
    kept = WorkflowTemplate.objects.filter(tenant_id=principal.tenant_id, name="first").order_by("version")
    assert [template.version for template in kept] == [4, 5, 6]
    template_delete(principal=principal, name="second")
    template_save(text=text_of("third"), **mine)
    with pytest.raises(TemplateNotFound):
        template_delete(principal=principal, name="comparison")  # the platform's
    assert template_for(principal=principal, name="comparison")


def test_another_tenants_template_cannot_be_deleted(principal: Principal) -> None:
    other = tenant_seed(slug="other", name="Other")
    template_save(tenant_id=other.id, text=text_of("theirs"), origin="x.yaml")
    with pytest.raises(TemplateNotFound):
        template_delete(principal=principal, name="theirs")
    assert WorkflowTemplate.objects.filter(tenant_id=other.id).count() == 1


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


NODES = "name: x\nnodes:\n"
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


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name: x\nnodes:\n  - id: a\n    instruction: b\n    strategy: magic\n", r"t.yaml:5: nodes.0.strategy"),
        ("name: x\nnodes:\n  - id: a\n    instruction: b\n    colour: red\n", r"t.yaml:5: nodes.0.colour"),
        ("name: x\nnodes:\n  - {id: a, instruction: b, depends_on: [c]}\n", r"there is no node 'c'"),
        (
            "name: x\nnodes:\n  - {id: a, instruction: b, tools: [hammer]}\n",
            r"t.yaml:3: nodes.0.tools: unknown",
        ),
        ("name: x\nextends: nobody\nnodes:\n  - {id: a, instruction: b}\n", r"t.yaml:2: extends"),
        ("name: x\nnodes: [\n", r"t.yaml:\d"),
        ("a: &a [x]\nb: *a\n", "aliases"),
        (
            NODES + "  - {id: a, instruction: b, depends_on: [c]}\n  - {id: c, instruction: b, depends_on: [a]}\n",
            "cycle",
        ),
        (
            "name: x\ninputs: {allOf: [{$ref: '#'}, {$ref: '#'}]}\nnodes:\n  - {id: a, instruction: b}\n",
            r"t.yaml:2: inputs: its references",
        ),
        (
            "name: x\nnodes:\n  - id: a\n    strategy: debate\n    instruction: b\n    parameters: {sides: 99}\n",
            "t.yaml:6",
        ),
    ],
)
def test_a_template_that_cannot_be_is_refused_with_file_and_line(
    principal: Principal, text: str, complaint: str
) -> None:
    with pytest.raises(TemplateInvalid, match=complaint):
        template_save(tenant_id=principal.tenant_id, text=text, origin="t.yaml")
    assert not WorkflowTemplate.objects.exists()


def test_inputs_are_checked_against_the_templates_schema(principal: Principal) -> None:
    templates_load()
    with pytest.raises(InvalidInput, match="things"):
        template_prepare(principal=principal, reference="comparison", inputs={"things": ["one"], "question": "x"})
    filled = template_prepare(principal=principal, reference="data-report", inputs={"file": "a.csv"})["inputs"]
    assert filled["audience"] == "a manager in a hurry"
