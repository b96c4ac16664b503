"""What a step costs in round trips. A number that rises here needs a reason; `docs/performance.md` lists them."""

from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries, Settings

from orchestration.engine.advance import task_advance
from orchestration.engine.claim import steps_claim
from orchestration.engine.drain import drain
from orchestration.engine.execute import execute
from orchestration.engine.lease import KEEPER
from orchestration.engine.outcome import StepEnd, outcomes_write
from orchestration.engine.step_engine import task_facts
from orchestration.models import Task
from orchestration.services import fanout_submit, task_submit
from orchestration.types import TaskRequest, TaskStatus
from policy.types import Principal
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)

CLAIM = 1
TASK_FACTS = 1
OUTCOMES = 8  # begin, lock, steps, journal, budgets, dependants, events, commit
POLICIES = 3
SUBMIT = 8  # one more each when policies, models or the tenant's own tools are due to be looked at again
ADVANCE_TO_STEPS = 10
LATE_BELL = 3  # begin, the task, commit
SIMPLE_STEP = 36


@pytest.mark.parametrize("count", [1, 16])
def test_a_batch_of_steps_costs_the_same_however_many_they_are(
    principal: Principal, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    task_id = _ready_steps(principal, 20)
    with django_assert_num_queries(TASK_FACTS):
        facts = task_facts(task_id)
    with django_assert_num_queries(CLAIM):
        steps = steps_claim(task_id=task_id, first=None, owner="test", limit=count)
    batch = KEEPER.hold(steps)
    ends: list[StepEnd] = []
    with CaptureQueriesContext(connection) as asked:
        while (taken := batch.take_next()) is not None:
            end = execute(*taken, facts)
            assert end is not None
            ends.append(end)
    KEEPER.drop(batch)
    assert len(asked) <= POLICIES, "a step that does nothing outside asks for nothing but its policies, once in a while"
    with django_assert_num_queries(OUTCOMES):
        assert outcomes_write(task_id, ends).recorded == count


def test_a_simple_task_costs_so_many_round_trips(
    principal: Principal, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    request = TaskRequest(query="Who are you?", mode="simple")
    play(task_submit(principal=principal, request=request).task.id)  # loads the model and the policies
    settings.SHANNON_POLICY_RECHECK_SECONDS = 3600.0
    settings.SHANNON_TENANT_TOOLS_CACHE_SECONDS = 3600.0
    with django_assert_num_queries(SUBMIT):
        task_id = task_submit(principal=principal, request=request).task.id
    with django_assert_num_queries(ADVANCE_TO_STEPS):
        task_advance(task_id)
    with django_assert_num_queries(SIMPLE_STEP):
        assert drain(task_id, first=None) == 1
    assert Task.objects.get(id=task_id).status == TaskStatus.COMPLETED, "the drainer advanced it at once"
    with django_assert_num_queries(LATE_BELL):
        assert not task_advance(task_id)


def _ready_steps(principal: Principal, width: int) -> UUID:
    task = fanout_submit(principal=principal, width=width, concurrency_limit=8)
    task_advance(task.id)
    return task.id
