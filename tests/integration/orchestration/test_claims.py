"""Drainers that begin at the same time claim together; an outcome says what it leaves."""

from typing import Any
from uuid import UUID

import pytest

from agents.models import AgentRole
from agents.selectors import role_names
from agents.services import RoleChanges, role_create
from orchestration.engine.advance import task_advance
from orchestration.engine.claim import ClaimedStep, Wish, claims_of_drainers, steps_claim
from orchestration.engine.drain import drain
from orchestration.engine.outcome import StepEnd, outcomes_write
from orchestration.models import Step, Task
from orchestration.services import fanout_submit
from orchestration.types import StepOutcome, StepStatus
from policy.services import registry_ask
from policy.types import Principal
from tests.integration.orchestration.playing import principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)


def task_of(principal: Principal, width: int, *, limit: int = 8, join: bool = False) -> tuple[UUID, list[UUID]]:
    """Return a task that was advanced, and its steps in their order."""
    task = fanout_submit(principal=principal, width=width, concurrency_limit=limit, join=join)
    task_advance(task.id)
    return task.id, list(Step.objects.filter(task_id=task.id).order_by("position").values_list("id", flat=True))


def end(step: ClaimedStep, status: StepStatus = StepStatus.SUCCEEDED) -> StepEnd:
    error = None if status is StepStatus.SUCCEEDED else {"code": "NO", "message": "no"}
    return StepEnd(step, status, StepOutcome(output={}, error=error))


def test_each_drainer_gets_the_step_that_it_is_to_begin_with_under_its_own_name(principal: Principal) -> None:
    task_id, ids = task_of(principal, 4)
    got = claims_of_drainers(task_id, [Wish(step_id, f"drainer-{n}", 1) for n, step_id in enumerate(ids)])
    assert [[step.step_id for step in steps or ()] for steps in got] == [[step_id] for step_id in ids]
    owners = Step.objects.filter(task_id=task_id).order_by("position").values_list("lease_owner", "attempt", "status")
    assert list(owners) == [(f"drainer-{n}", 1, "running") for n in range(4)]


def test_who_comes_too_late_is_to_ask_alone(principal: Principal) -> None:
    task_id, ids = task_of(principal, 4)
    steps_claim(task_id=task_id, first=ids[0], owner="earlier", limit=1)
    twice = [Wish(ids[0], "late", 1), Wish(ids[1], "one", 1), Wish(ids[1], "other", 1), Wish(None, "any", 1)]
    got = claims_of_drainers(task_id, twice)
    assert (got[0], got[3]) == (None, None)
    assert [steps is None for steps in got[1:3]].count(True) == 1, "a step that is asked for twice is given once"
    (alone,) = claims_of_drainers(task_id, [Wish(ids[0], "late", 1)])
    assert [step.step_id for step in alone or ()] == [ids[2]]


def test_together_they_pass_the_tasks_limit_no_more_than_alone(principal: Principal) -> None:
    task_id, ids = task_of(principal, 6, limit=3)
    steps_claim(task_id=task_id, first=ids[0], owner="earlier", limit=1)
    got = claims_of_drainers(task_id, [Wish(step_id, f"drainer-{n}", 1) for n, step_id in enumerate(ids[1:])])
    assert [steps is not None for steps in got] == [True, True, False, False, False]


@pytest.mark.parametrize("status", ["PAUSED", "CANCELLED"])
def test_nobody_gets_a_step_of_a_task_that_does_not_run(principal: Principal, status: str) -> None:
    task_id, ids = task_of(principal, 3)
    Task.objects.filter(id=task_id).update(status=status)
    assert claims_of_drainers(task_id, [Wish(step_id, "d", 1) for step_id in ids]) == [None, None, None]


def test_an_outcome_says_whether_steps_are_left_to_claim_and_whether_any_is_open(principal: Principal) -> None:
    task_id, ids = task_of(principal, 3)
    first, second = (steps_claim(task_id=task_id, first=step_id, owner="d", limit=1)[0] for step_id in ids[:2])
    told = [outcomes_write(task_id, [end(first)])]
    third = steps_claim(task_id=task_id, first=None, owner="d", limit=1)[0]
    told += [outcomes_write(task_id, [end(second)]), outcomes_write(task_id, [end(third)])]
    assert [(written.has_ready, written.has_open) for written in told] == [(True, True), (False, True), (False, False)]


def test_what_an_outcome_makes_ready_is_left_to_claim(principal: Principal) -> None:
    task_id, ids = task_of(principal, 1, join=True)
    (only,) = steps_claim(task_id=task_id, first=ids[0], owner="d", limit=1)
    written = outcomes_write(task_id, [end(only)])
    assert (written.newly_ready, written.has_ready, written.has_open) == (1, True, True)


def test_where_an_outcome_skips_steps_it_is_to_be_looked_at_what_is_open(principal: Principal) -> None:
    task_id, ids = task_of(principal, 1, join=True)
    Step.objects.filter(id=ids[1]).update(on_dependency_failure="skip")
    (only,) = steps_claim(task_id=task_id, first=ids[0], owner="d", limit=1)
    written = outcomes_write(task_id, [end(only, StepStatus.FAILED)])
    assert (written.has_ready, written.has_open) == (False, None)


def test_who_claims_is_told_how_far_what_the_tenant_registered_has_come(principal: Principal) -> None:
    task_id, (first, second, third) = task_of(principal, 3)
    assert [step.registry_generation for step in steps_claim(task_id=task_id, first=first, owner="a", limit=1)] == [0]
    role_create(principal=principal, name="auditor", changes=RoleChanges(description="Checks."))
    now = registry_ask(principal.tenant_id)
    together = claims_of_drainers(task_id, [Wish(second, "b", 1), Wish(third, "c", 1)])
    assert [step.registry_generation for steps in together for step in steps or ()] == [now, now]


def test_a_drainer_takes_what_it_is_told_with_its_claim(principal: Principal, settings: Any) -> None:
    settings.SHANNON_REGISTRY_RECHECK_SECONDS = 3600.0
    settings.SHANNON_TENANT_TOOLS_CACHE_SECONDS = 3600.0
    task_id, _ = task_of(principal, 1)
    assert "auditor" not in role_names(principal.tenant_id)
    AgentRole.objects.create(tenant_id=principal.tenant_id, name="auditor", description="Made in another process.")
    assert "auditor" not in role_names(principal.tenant_id), "nobody has told this one"
    drain(task_id, first=None)
    assert "auditor" in role_names(principal.tenant_id)
