"""Forks: what is copied, what is done anew, and who pays."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from agents.models import JournalEntry, Session
from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.errors import IdempotencyMismatch, TaskNotFound
from orchestration.forking import ForkEdits, ForkRequest, ToolOutputEdit, task_fork
from orchestration.messages import message_send
from orchestration.models import Event, Step, Task
from orchestration.replaying import task_replay
from orchestration.reviews import review_approve
from orchestration.services import task_submit
from orchestration.types import STEP_OPEN, StepStatus, TaskRequest, TaskStatus
from policy.selectors import budget_states
from policy.services import tenant_seed
from policy.types import SCOPES, BudgetRef, BudgetScope, Principal
from shannon_project.foundation.errors import InvalidInput
from tests.integration.orchestration.playing import in_thread, play, principal, until_one_waits

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)

PARTS = "1. What is 17 * 3?\n2. What is 100 / 8?\n3. What is 2 + 5?"


def submitted(principal: Principal, query: str, mode: str) -> UUID:
    return task_submit(principal=principal, request=TaskRequest(query=query, mode=mode)).task.id


def ended(principal: Principal, query: str = PARTS, mode: str = "standard") -> Task:
    task = play(submitted(principal, query, mode))
    assert task.status == TaskStatus.COMPLETED, task.error
    return task


def fork(principal: Principal, source: Task, key: str, position: int | None = None, **edits: Any) -> Task:
    request = ForkRequest(from_step_key=key, from_position=position, edits=ForkEdits(**edits))
    return task_fork(principal=principal, task_id=source.id, request=request).task


def journal(task: Task, key: str) -> Sequence[JournalEntry]:
    step = Step.objects.get(task=task, key=key)
    return list(JournalEntry.objects.filter(step_id=step.id).order_by("position"))


def work(task_id: UUID, times: int = 3) -> None:
    """Let a worker do what can be done while nobody decides."""
    for _ in range(times):
        task_advance(task_id)
        drain(task_id, first=None)


def tool_position(task: Task, key: str) -> int:
    return next(entry.position for entry in journal(task, key) if entry.kind == "tool")


def spent_tokens(principal: Principal, scope: BudgetScope, scope_id: UUID) -> int:
    (state,) = budget_states(tenant_id=principal.tenant_id, refs=[BudgetRef(scope, scope_id)])
    assert state.reserved_tokens == 0
    return state.spent_tokens


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


def test_a_running_source_gives_what_it_has_finished(principal: Principal) -> None:
    source_id = submitted(principal, PARTS, "standard")
    task_advance(source_id)
    drain(source_id, first=None)
    task_advance(source_id)
    source = Task.objects.get(id=source_id)
    made = fork(principal, source, "synthesize")
    assert set(Step.objects.filter(task=made, copied_from__isnull=False).values_list("key", flat=True)) == {"plan"}
    heard = Event.objects.filter(task=source, kind="STATUS_UPDATE", payload__fork=str(made.id))
    assert heard.count() == 1
    assert play(made.id).status == play(source_id).status == TaskStatus.COMPLETED


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


def test_a_message_is_no_step_to_fork_from_and_what_came_after_the_fork_is_not_said(principal: Principal) -> None:
    source_id = submitted(principal, PARTS, "supervisor")
    work(source_id, times=1)  # the lead
    message_send(principal=principal, task_id=source_id, text="Say it in French.")
    source = play(source_id)
    with pytest.raises(InvalidInput, match="there is no step"):
        fork(principal, source, "message-1")
    made = fork(principal, source, "lead-1")
    assert (Task.objects.get(id=made.id).message_count, Step.objects.filter(task=made).count()) == (0, 1)
    assert play(made.id).status == TaskStatus.COMPLETED


def test_work_of_unknown_price_is_not_shown_as_free(principal: Principal) -> None:
    source = ended(principal)
    Step.objects.filter(task=source, key="plan").update(cost_usd=None)
    assert play(fork(principal, source, "synthesize").id).parameters["fork"]["copied"]["cost_usd"] is None


def test_a_source_that_has_ended_hears_nothing_after_its_last_event(principal: Principal) -> None:
    source = ended(principal)
    made = fork(principal, source, "synthesize")
    last = Event.objects.filter(task=source).order_by("-seq").first()
    assert last is not None
    assert last.kind == "STREAM_END"
    assert list(source.forks.values_list("id", flat=True)) == [made.id]
    assert Event.objects.filter(task=made, kind="STATUS_UPDATE", payload__forked_from=str(source.id)).exists()


def test_a_fork_of_a_fork_is_asked_in_the_same_conversation(principal: Principal) -> None:
    source = ended(principal)
    first = play(fork(principal, source, "synthesize").id)
    second = play(fork(principal, first, "synthesize").id)
    history = [journal(task, "synthesize")[0].response for task in (source, first, second)]
    assert history == [{"history": []}] * 3
    assert second.result == source.result


def test_a_fork_that_would_only_be_skipped_again_names_the_step_to_fork_from(principal: Principal) -> None:
    source = ended(principal)
    agent = Step.objects.filter(task=source, kind="agent").first()
    assert agent is not None
    Step.objects.filter(id=agent.id).update(status=StepStatus.FAILED, output=None, error={"message": "broke"})
    Step.objects.filter(task=source, key="synthesize").update(on_dependency_failure="skip", status=StepStatus.SKIPPED)
    with pytest.raises(InvalidInput, match=agent.key):
        fork(principal, source, "synthesize")


@pytest.mark.parametrize(
    ("key", "position", "edits", "said"),
    [
        ("nothing", None, {}, "there is no step"),
        ("agent", 1000, {}, "from_position"),
        ("agent", None, {"plan": {"subtasks": []}}, "edits.plan"),
        ("agent", None, {"tool_output": ToolOutputEdit(0, 1)}, "no tool answered"),
        ("agent", None, {"tool_output": ToolOutputEdit(0, 1), "query": "x"}, "cannot go with"),
        ("agent", None, {"model_tier": "huge"}, "model_tier"),
        ("agent", None, {"query": " "}, "query"),
    ],
)
def test_a_fork_that_does_not_fit_its_source_is_refused(
    principal: Principal, key: str, position: int | None, edits: dict[str, Any], said: str
) -> None:
    source = ended(principal, "What is 17 * (3 + 4)?", "simple")
    with pytest.raises(InvalidInput, match=said):
        fork(principal, source, key, position, **edits)
    assert not Task.objects.filter(forked_from=source).exists()


def test_the_same_key_gives_the_first_fork_again(principal: Principal) -> None:
    source = ended(principal)
    request = ForkRequest(from_step_key="synthesize")
    made = [task_fork(principal=principal, task_id=source.id, request=request, idempotency_key="k") for _ in range(2)]
    assert [answer.created for answer in made] == [True, False]
    assert made[0].task.id == made[1].task.id
    other = replace(request, from_step_key="plan")
    with pytest.raises(IdempotencyMismatch):
        task_fork(principal=principal, task_id=source.id, request=other, idempotency_key="k")


def test_another_tenants_task_cannot_be_forked(principal: Principal) -> None:
    source = ended(principal, "What is 17 * (3 + 4)?", "simple")
    theirs = tenant_seed(slug="theirs", name="Theirs")
    stranger = Principal(theirs.id, "key:other", "other", frozenset(SCOPES))
    with pytest.raises(TaskNotFound):
        fork(stranger, source, "agent")


def test_a_source_that_ends_and_its_fork_do_not_wait_for_each_other(principal: Principal) -> None:
    source_id = submitted(principal, "What is 17 * (3 + 4)?", "simple")
    task_advance(source_id)
    source = Task.objects.get(id=source_id)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():  # as whatever ends the source: first its row, then its session's
            Task.objects.select_for_update(no_key=True).get(id=source_id)
            forking = pool.submit(in_thread, lambda: fork(principal, source, "agent"))
            until_one_waits()
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '5s'")
            Session.objects.filter(id=source.session_id).update(updated_at=Now())
        made = forking.result(timeout=30)
    assert Task.objects.get(id=made.id).forked_from_id == source_id
    assert play(made.id).status == play(source_id).status == TaskStatus.COMPLETED
