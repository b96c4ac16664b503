"""What a step costs in round trips. A number that rises here needs a reason; `docs/performance.md` lists them.

A round trip is a wait for an answer: the statements of a pipelined transaction share one where nobody reads between.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from benchmarks.waits import waits_counted
from orchestration.engine.advance import task_advance
from orchestration.engine.claim import steps_claim
from orchestration.engine.drain import drain
from orchestration.engine.execute import execute
from orchestration.engine.facts import task_facts
from orchestration.engine.lease import KEEPER
from orchestration.engine.outcome import StepEnd, outcomes_write
from orchestration.models import Task
from orchestration.selectors import task_opening
from orchestration.services import fanout_submit, task_submit
from orchestration.types import TaskRequest, TaskStatus
from policy.types import Principal
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)

CLAIM = 1
TASK_FACTS = 1
OUTCOMES = 3  # lock, steps and what is blocked; budgets; all the rest with the commit
POLICIES = 3
SUBMIT = 2  # one more each when policies, models or the tenant's own tools are due to be looked at again
ADVANCE_TO_STEPS = 4
LATE_BELL = 2  # the task, commit
OPENING = 1  # of a stream: the task and its first events
SIMPLE_STEP = 13


@contextmanager
def round_trips(most: int) -> Iterator[None]:
    """Hold what is within to so many; an answer that came early is not waited for, so it may be one less."""
    with waits_counted() as waits:
        yield
    assert most - 1 <= waits.count <= most


@pytest.mark.parametrize("count", [1, 16])
def test_a_batch_of_steps_costs_the_same_however_many_they_are(
    principal: Principal, settings: Settings, count: int
) -> None:
    settings.SHANNON_POLICY_RECHECK_SECONDS = 3600.0  # or they could be looked at twice within the batch
    task_id = _ready_steps(principal, 20)
    with round_trips(TASK_FACTS):
        facts = task_facts(task_id)
    with round_trips(CLAIM):
        steps = steps_claim(task_id=task_id, first=None, owner="test", limit=count)
    batch = KEEPER.hold(steps)
    ends: list[StepEnd] = []
    with CaptureQueriesContext(connection) as asked:
        while (taken := batch.take_next()) is not None:
            end = execute(*taken, facts)
            assert end is not None
            ends.append(end)
    KEEPER.drop(batch)
    # a step that does nothing outside asks for nothing but its policies, once in a while
    assert len(asked) <= POLICIES, [query["sql"] for query in asked]
    with round_trips(OUTCOMES):
        assert outcomes_write(task_id, ends).recorded == count


def test_a_simple_task_costs_so_many_round_trips(principal: Principal, settings: Settings) -> None:
    request = TaskRequest(query="Who are you?", mode="simple")
    play(task_submit(principal=principal, request=request).task.id)  # loads the model and the policies
    settings.SHANNON_POLICY_RECHECK_SECONDS = 3600.0
    settings.SHANNON_REGISTRY_RECHECK_SECONDS = 3600.0
    settings.SHANNON_TENANT_TOOLS_CACHE_SECONDS = 3600.0
    with round_trips(SUBMIT):
        task_id = task_submit(principal=principal, request=request).task.id
    with round_trips(ADVANCE_TO_STEPS):
        task_advance(task_id)
    with round_trips(SIMPLE_STEP):
        assert drain(task_id, first=None) == 1
    assert Task.objects.get(id=task_id).status == TaskStatus.COMPLETED, "the drainer advanced it at once"
    with round_trips(LATE_BELL):
        assert not task_advance(task_id)


def test_a_stream_is_opened_by_one_query(principal: Principal) -> None:
    task = task_submit(principal=principal, request=TaskRequest(query="Who are you?", mode="simple")).task
    with round_trips(OPENING), CaptureQueriesContext(connection) as asked:
        opening = task_opening(principal=principal, task_id=task.id, after_seq=0)
    assert len(asked) == OPENING
    assert (opening.task.status, [event.seq for event in opening.page]) == (TaskStatus.QUEUED, [1])


def _ready_steps(principal: Principal, width: int) -> UUID:
    task = fanout_submit(principal=principal, width=width, concurrency_limit=8)
    task_advance(task.id)
    return task.id
