"""What drainers of one task look up once, as long as they are at work together."""

import gc
from dataclasses import replace
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orchestration.engine import facts as facts_module
from orchestration.engine.facts import facts_shared, task_facts
from orchestration.models import Task
from orchestration.services import task_submit
from orchestration.types import TaskRequest
from policy.types import Principal
from tests.integration.orchestration.playing import principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db


def _task(principal: Principal, session_id: str | None = None) -> Task:
    request = TaskRequest(query="What is 1 + 1?", mode="simple", session_id=session_id)
    return task_submit(principal=principal, request=request).task


def test_a_drainer_takes_the_facts_of_another_that_is_at_work(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts_module, "SHARED_SECONDS", 3_600.0)
    task = _task(principal)
    first = facts_shared(task.id)
    with CaptureQueriesContext(connection) as asked:
        assert facts_shared(task.id) is first
    assert not asked.captured_queries


def test_nothing_is_kept_when_the_last_drainer_has_gone(principal: Principal) -> None:
    task = _task(principal)
    facts = facts_shared(task.id)
    assert task.id in facts_module._AT_WORK
    del facts
    gc.collect()
    assert task.id not in facts_module._AT_WORK


def test_facts_that_are_old_are_looked_up_again(principal: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    task = _task(principal)
    first = facts_shared(task.id)
    monkeypatch.setattr(facts_module, "SHARED_SECONDS", 0.0)
    second = facts_shared(task.id)
    assert second is not first
    assert replace(second, deadline_monotonic_seconds=0, read_at_monotonic_seconds=0) == replace(
        first, deadline_monotonic_seconds=0, read_at_monotonic_seconds=0
    )


def test_a_task_that_there_is_not_is_told_and_not_kept() -> None:
    unknown = uuid4()
    with pytest.raises(Task.DoesNotExist):
        facts_shared(unknown)
    assert unknown not in facts_module._AT_WORK


def test_the_conversation_is_looked_up_once_for_all_of_a_tasks_drainers(principal: Principal) -> None:
    asked_before = _task(principal, session_id="talk")
    task = _task(principal, session_id="talk")
    facts = task_facts(task.id)
    assert facts.conversation() == (("user", asked_before.query),)
    with CaptureQueriesContext(connection) as asked:
        assert facts.conversation() == (("user", asked_before.query),)
    assert not asked.captured_queries


def test_the_time_that_is_left_becomes_less(principal: Principal) -> None:
    facts = task_facts(_task(principal).id)
    assert facts.seconds_left > 0
    assert replace(facts, deadline_monotonic_seconds=0.0).seconds_left < 0
