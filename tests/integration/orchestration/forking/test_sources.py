"""What can be forked, by whom, and that source and fork do not disturb each other."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from agents.models import Session
from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.errors import IdempotencyMismatch, TaskNotFound
from orchestration.forking import ForkRequest, ToolOutputEdit, task_fork
from orchestration.messages import message_send
from orchestration.models import Event, Step, Task
from orchestration.types import StepStatus, TaskStatus
from policy.services import tenant_seed
from policy.types import SCOPES, Principal
from shannon_project.foundation.errors import InvalidInput
from tests.integration.orchestration.forking.sources import PARTS, ended, fork, journal, submitted, work
from tests.integration.orchestration.playing import in_thread, play, principal, until_one_waits

__all__ = ["principal"]
pytestmark = pytest.mark.django_db(transaction=True)


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
        made = forking.result(timeout=120)
    assert Task.objects.get(id=made.id).forked_from_id == source_id
    assert play(made.id).status == play(source_id).status == TaskStatus.COMPLETED
