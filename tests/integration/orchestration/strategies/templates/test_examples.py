"""Every shipped template runs as its page says."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from agents.selectors import roles_of
from orchestration.models import Step
from orchestration.strategies.workflow import Workflow
from orchestration.types import TaskStatus
from orchestration.workflows.estimate import dry_run
from orchestration.workflows.service import (
    template_for,
    templates_load,
)
from policy.types import Principal
from tests.integration.orchestration.playing import principal
from tests.integration.orchestration.strategies.templates.running import run

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
