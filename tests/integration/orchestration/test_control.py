"""Pausing and resuming on a real database: nothing new begins, nothing is repeated, no time is lost."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db.models.functions import Now

from agents.errors import TaskCancelled
from agents.models import JournalEntry
from orchestration.control import task_cancel, task_pause, task_resume
from orchestration.engine.advance import task_advance
from orchestration.engine.claim import steps_claim
from orchestration.engine.drain import drain
from orchestration.engine.execute import execute
from orchestration.engine.facts import task_facts
from orchestration.engine.lease import KEEPER, Lease
from orchestration.engine.recover import recover
from orchestration.engine.step_engine import step_context
from orchestration.errors import TaskNotFound
from orchestration.models import Event, Step, Task
from orchestration.services import task_submit
from orchestration.types import StepStatus, TaskRequest, TaskStatus
from policy.types import Principal
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)


def submitted(principal: Principal) -> UUID:
    request = TaskRequest(query="What is 17 * (3 + 4)?", mode="simple")
    return task_submit(principal=principal, request=request).task.id


def kinds(task_id: UUID) -> list[str]:
    return list(Event.objects.filter(task_id=task_id).order_by("seq").values_list("kind", flat=True))


def test_a_paused_task_begins_nothing_and_ends_after_it_is_resumed(principal: Principal) -> None:
    task_id = submitted(principal)
    assert task_pause(principal=principal, task_id=task_id, reason="lunch")
    assert not task_advance(task_id)
    assert drain(task_id, first=None) == 0
    assert not Step.objects.filter(task_id=task_id).exists()
    assert task_resume(principal=principal, task_id=task_id)
    assert play(task_id).status == TaskStatus.COMPLETED
    assert kinds(task_id)[1:4] == ["WORKFLOW_PAUSING", "WORKFLOW_PAUSED", "WORKFLOW_RESUMED"]
    seqs = list(Event.objects.filter(task_id=task_id).order_by("seq").values_list("seq", flat=True))
    assert seqs == list(range(1, len(seqs) + 1))


def test_a_step_that_runs_is_set_aside_before_its_next_effect_and_is_no_failure(principal: Principal) -> None:
    task_id = submitted(principal)
    task_advance(task_id)
    (claimed,) = steps_claim(task_id=task_id, first=None, owner="me", limit=1)
    batch = KEEPER.hold([claimed])
    taken = batch.take_next()
    assert taken is not None
    task_pause(principal=principal, task_id=task_id)
    assert execute(*taken, task_facts(task_id)) is None
    step = Step.objects.get(id=claimed.step_id)
    assert (step.status, step.failures, step.lease_owner) == (StepStatus.READY, 0, "")
    assert not JournalEntry.objects.filter(step_id=step.id).exists(), "no effect began"
    task_resume(principal=principal, task_id=task_id)
    assert play(task_id).status == TaskStatus.COMPLETED


def test_what_was_recorded_before_the_pause_is_not_repeated(principal: Principal) -> None:
    task_id = submitted(principal)
    play(task_id)
    first = list(JournalEntry.objects.filter(task_id=task_id).order_by("position").values_list("id", "attempt"))
    last = JournalEntry.objects.filter(task_id=task_id).latest("position")
    last.delete()  # as if the pause had come before the last effect
    Task.objects.filter(id=task_id).update(status=TaskStatus.PAUSED, paused_at=Now(), completed_at=None)
    Step.objects.filter(task_id=task_id).update(status=StepStatus.READY, completed_at=None)
    task_resume(principal=principal, task_id=task_id)
    play(task_id)
    again = list(JournalEntry.objects.filter(task_id=task_id).order_by("position").values_list("id", "attempt"))
    assert again[:-1] == first[:-1]


def test_time_spent_paused_is_added_to_the_deadline_and_nobody_ends_the_task_meanwhile(principal: Principal) -> None:
    task_id = submitted(principal)
    task_pause(principal=principal, task_id=task_id)
    Task.objects.filter(id=task_id).update(
        deadline_at=Now() - timedelta(hours=1),
        clock_stopped_at=Now() - timedelta(hours=3),
        doorbell_at=Now() - timedelta(hours=3),
    )
    recover()
    assert Task.objects.get(id=task_id).status == TaskStatus.PAUSED
    task_resume(principal=principal, task_id=task_id)
    assert play(task_id).status == TaskStatus.COMPLETED


def test_pausing_and_resuming_twice_changes_nothing(principal: Principal) -> None:
    task_id = submitted(principal)
    assert task_pause(principal=principal, task_id=task_id, reason="first")
    assert task_pause(principal=principal, task_id=task_id, reason="second")
    assert Task.objects.get(id=task_id).status_reason == "first"
    assert task_resume(principal=principal, task_id=task_id)
    assert not task_resume(principal=principal, task_id=task_id)
    assert kinds(task_id).count("WORKFLOW_PAUSED") == kinds(task_id).count("WORKFLOW_RESUMED") == 1


def test_a_paused_task_can_be_cancelled_and_one_that_ended_cannot_be_paused(principal: Principal) -> None:
    task_id = submitted(principal)
    task_pause(principal=principal, task_id=task_id)
    assert task_cancel(principal=principal, task_id=task_id)
    assert not task_pause(principal=principal, task_id=task_id)
    assert not task_resume(principal=principal, task_id=task_id)
    assert Task.objects.get(id=task_id).status == TaskStatus.CANCELLED


@pytest.mark.parametrize("act", [task_pause, task_resume])
def test_another_tenants_task_is_not_there(principal: Principal, act: object) -> None:
    task_id = submitted(principal)
    stranger = Principal(uuid4(), "key:other", "other", principal.scopes)
    with pytest.raises(TaskNotFound):
        act(principal=stranger, task_id=task_id)  # type: ignore[operator]
    assert Task.objects.get(id=task_id).status == TaskStatus.QUEUED


def test_nothing_begins_in_a_task_that_was_cancelled_a_moment_ago(principal: Principal) -> None:
    task_id = submitted(principal)
    task_advance(task_id)
    (claimed,) = steps_claim(task_id=task_id, first=None, owner="me", limit=1)
    ctx = step_context(claimed, Lease(claimed.step_id, claimed.attempt), task_facts(task_id), agent_id="a")
    ctx.engine.checkpoint()
    task_cancel(principal=principal, task_id=task_id)
    with pytest.raises(TaskCancelled), ctx.engine.transaction(begins=True):
        pytest.fail("an effect began")
