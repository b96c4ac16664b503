"""A fork keeps what lies before its step, and pays for what follows from it."""

import pytest

from orchestration.models import Event, Step
from orchestration.replaying import task_replay
from orchestration.reviews import review_approve
from orchestration.services import task_submit
from orchestration.types import STEP_OPEN, StepStatus, TaskRequest, TaskStatus
from policy.types import BudgetScope, Principal
from tests.integration.orchestration.forking.sources import (
    PARTS,
    ended,
    fork,
    journal,
    spent_tokens,
    tool_position,
    work,
)
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_fork_from_the_synthesis_pays_for_the_synthesis_alone(principal: Principal) -> None:
    source = ended(principal)
    made = play(fork(principal, source, "synthesize").id)
    assert (made.status, made.result) == (TaskStatus.COMPLETED, source.result)
    assert made.model_calls == 1
    assert {step.key for step in Step.objects.filter(task=made, attempt__gt=0)} == {"synthesize"}
    outputs = [dict(Step.objects.filter(task=task).values_list("key", "output")) for task in (source, made)]
    assert outputs[0] == outputs[1]


def test_the_budgets_of_source_and_fork_add_up_to_the_sessions(principal: Principal) -> None:
    source = ended(principal)
    made = play(fork(principal, source, "synthesize").id)
    own = spent_tokens(principal, BudgetScope.TASK, made.id)
    assert own == made.prompt_tokens + made.completion_tokens > 0
    both = spent_tokens(principal, BudgetScope.TASK, source.id) + own
    assert spent_tokens(principal, BudgetScope.SESSION, source.session_id) == both
    assert spent_tokens(principal, BudgetScope.TENANT, principal.tenant_id) == both
    copied = made.parameters["fork"]["copied"]
    assert copied["steps"] == Step.objects.filter(task=made, copied_from__isnull=False, model_calls=0).count() == 4
    assert copied["total_tokens"] + own == source.prompt_tokens + source.completion_tokens


def test_a_fork_from_an_agent_makes_what_depends_on_it_anew_and_nothing_else(principal: Principal) -> None:
    source = ended(principal)
    agents = list(Step.objects.filter(task=source, kind="agent").order_by("position"))
    made = play(fork(principal, source, agents[0].key).id)
    assert made.status == TaskStatus.COMPLETED
    assert {step.key for step in Step.objects.filter(task=made, attempt__gt=0)} == {agents[0].key, "synthesize"}


def test_a_fork_from_a_position_repeats_no_call_before_it(principal: Principal) -> None:
    source = ended(principal, "What is 17 * (3 + 4)?", "simple")
    after_tool = tool_position(source, "agent") + 1
    made = play(fork(principal, source, "agent", after_tool).id)
    assert (made.status, made.result) == (TaskStatus.COMPLETED, source.result)
    assert (made.model_calls, made.tool_calls) == (source.model_calls - 1, 0)
    attempts = [entry.attempt for entry in journal(made, "agent")]
    assert attempts == [0] * after_tool + [1] * (len(attempts) - after_tool)
    assert spent_tokens(principal, BudgetScope.TASK, made.id) == made.prompt_tokens + made.completion_tokens
    invoked = Event.objects.filter(task=made, kind="TOOL_INVOKED")
    assert not invoked.exists()


def test_a_fork_from_the_end_of_a_journal_pays_nothing(principal: Principal) -> None:
    source = ended(principal, "What is 17 * (3 + 4)?", "simple")
    made = play(fork(principal, source, "agent", len(journal(source, "agent"))).id)
    assert (made.status, made.result) == (TaskStatus.COMPLETED, source.result)
    assert (made.model_calls, made.tool_calls, made.prompt_tokens) == (0, 0, 0)
    assert made.cost_usd == 0


@pytest.mark.parametrize("mode", ["supervisor", "swarm", "react", "reflection", "debate", "tree_of_thoughts"])
def test_a_fork_from_any_step_works_on_from_there_and_comes_to_the_same(principal: Principal, mode: str) -> None:
    source = ended(principal, mode=mode)
    for step in Step.objects.filter(task=source).order_by("position"):
        made = play(fork(principal, source, step.key).id)
        assert (made.status, made.result) == (TaskStatus.COMPLETED, source.result), step.key
        again = Step.objects.get(task=made, key=step.key)
        assert (again.status, again.attempt, again.copied_from) == (StepStatus.SUCCEEDED, 1, None)
        assert not Step.objects.filter(task=made, status__in=STEP_OPEN).exists()
        places = Step.objects.filter(task=made).order_by("position").values_list("position", flat=True)
        assert list(places) == list(range(len(places)))
        report = task_replay(principal=principal, task_id=made.id)
        assert report.difference is None, step.key


@pytest.mark.parametrize(
    ("mode", "key"), [("supervisor", "lead-1"), ("swarm", "lead-1"), ("react", "think-1"), ("dag", "plan")]
)
def test_what_followed_from_a_step_that_is_done_anew_follows_anew(principal: Principal, mode: str, key: str) -> None:
    source = ended(principal, mode=mode)
    made = fork(principal, source, key, query="1. What is 1000 - 1?\n2. What is 30 + 3?")
    assert list(Step.objects.filter(task=made).values_list("key", "status")) == [(key, StepStatus.READY)]
    made = play(made.id)
    assert made.status == TaskStatus.COMPLETED
    assert "999" in str(made.result)
    assert "51" not in str(made.result), "an answer to what was asked before"


def test_a_fork_from_a_parallel_step_keeps_what_was_begun_beside_it(principal: Principal) -> None:
    source = ended(principal, mode="supervisor")
    made = fork(principal, source, "work-1-2")
    copied = Step.objects.filter(task=made, copied_from__isnull=False).order_by("position")
    assert list(copied.values_list("key", flat=True)) == ["lead-1", "work-1-1", "work-1-3"]
    assert list(Step.objects.filter(task=made, copied_from=None).values_list("key", flat=True)) == ["work-1-2"]


def test_a_fork_from_a_reviewed_plan_asks_for_the_review_again(principal: Principal) -> None:
    request = TaskRequest(query=PARTS, context={"require_review": True})
    source_id = task_submit(principal=principal, request=request).task.id
    work(source_id)
    review_approve(principal=principal, task_id=source_id)
    source = play(source_id)
    made = fork(principal, source, "review-1")
    work(made.id)
    assert not Step.objects.filter(task=made, kind="agent").exists()
    review_approve(principal=principal, task_id=made.id)
    made = play(made.id)
    assert (made.status, made.result) == (TaskStatus.COMPLETED, source.result)


def test_work_of_unknown_price_is_not_shown_as_free(principal: Principal) -> None:
    source = ended(principal)
    Step.objects.filter(task=source, key="plan").update(cost_usd=None)
    assert play(fork(principal, source, "synthesize").id).parameters["fork"]["copied"]["cost_usd"] is None
