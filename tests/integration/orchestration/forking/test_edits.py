"""A fork with another request, instruction, model, tool output or plan."""

import pytest

from orchestration.forking import ToolOutputEdit
from orchestration.models import Step
from orchestration.types import TaskStatus
from policy.types import Principal
from tests.integration.orchestration.forking.sources import ended, fork, journal, tool_position
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_another_tool_output_leads_to_another_answer(principal: Principal) -> None:
    source = ended(principal, "What is 17 * (3 + 4)?", "simple")
    position = tool_position(source, "agent")
    output = {"result": 4711, "text": "4711"}
    made = play(fork(principal, source, "agent", tool_output=ToolOutputEdit(position, output)).id)
    assert made.status == TaskStatus.COMPLETED
    assert "4711" in str(made.result)
    assert made.forked_from_position == position + 1
    assert made.tool_calls == 0


def test_another_model_cuts_the_journal_where_it_no_longer_fits(principal: Principal) -> None:
    source = ended(principal, "What is 17 * (3 + 4)?", "simple")
    made = play(fork(principal, source, "agent", len(journal(source, "agent")), model_tier="large").id)
    assert made.status == TaskStatus.COMPLETED
    assert made.model_calls == source.model_calls
    assert made.parameters["model_tier"] == "large"


def test_other_instructions_are_what_the_agent_works_on(principal: Principal) -> None:
    source = ended(principal, "What is 17 * (3 + 4)?", "simple")
    made = play(fork(principal, source, "agent", instructions="What is 1000 - 1?").id)
    assert "999" in str(made.result)


def test_another_query_is_asked_of_the_only_agent(principal: Principal) -> None:
    source = ended(principal, "What is 17 * (3 + 4)?", "simple")
    made = play(fork(principal, source, "agent", query="What is 1000 - 1?").id)
    assert (made.query, "999" in str(made.result)) == ("What is 1000 - 1?", True)


def test_an_edited_plan_is_carried_out_without_asking_the_planner(principal: Principal) -> None:
    source = ended(principal)
    plan = {"subtasks": [{"id": "only", "title": "One", "instruction": "What is 1000 - 1?", "tools": ["calculator"]}]}
    made = play(fork(principal, source, "plan", plan=plan).id)
    assert made.status == TaskStatus.COMPLETED
    assert "999" in str(made.result)
    assert set(Step.objects.filter(task=made).values_list("key", "attempt")) == {("plan", 0), ("agent-only", 1)}
