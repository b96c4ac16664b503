"""Tasks that a person must allow before they begin."""

from datetime import timedelta

import pytest

from orchestration.engine.recover import recover
from orchestration.forking import ForkRequest, task_fork
from orchestration.models import Approval, Step, Task
from orchestration.services import tool_execute
from orchestration.types import TaskStatus
from policy.types import Principal
from tests.integration.orchestration.approvals.asking import (
    _no_policies_of_another_test,
    decide,
    policy,
    step,
    submitted,
    waiting,
)
from tests.integration.orchestration.playing import play, principal

__all__ = ["_no_policies_of_another_test", "principal"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_request_may_want_a_person_before_the_task_begins(principal: Principal) -> None:
    task_id = submitted(principal, require_approval=True)
    step(task_id)
    recover()
    assert not Step.objects.filter(task_id=task_id).exists()
    assert Task.objects.get(id=task_id).status == TaskStatus.QUEUED
    approval = Approval.objects.get(task_id=task_id)
    assert (approval.requested_by, approval.action, approval.step_id) == ("request", "task.submit", None)
    decide(principal, approval)
    assert play(task_id).status == TaskStatus.COMPLETED


def test_a_task_that_may_not_begin_fails_with_what_the_person_said(principal: Principal) -> None:
    task_id = submitted(principal, context={"require_approval": True, "approval_timeout_seconds": 60})
    approval = waiting(task_id)
    assert timedelta(seconds=50) < approval.expires_at - approval.created_at <= timedelta(seconds=61)
    decide(principal, approval, approved=False, feedback="too dear")
    task = Task.objects.get(id=task_id)
    assert (task.status, (task.error or {})["details"]["feedback"]) == (TaskStatus.FAILED, "too dear")


def test_a_policy_makes_submits_forks_and_direct_calls_wait(principal: Principal) -> None:
    source = play(submitted(principal))
    policy(principal, "true", action="task.submit")
    held = [
        submitted(principal),
        task_fork(principal=principal, task_id=source.id, request=ForkRequest(from_step_key="agent")).task.id,
        tool_execute(principal=principal, name="calculator", arguments={"expression": "1"}, session_id=None).task.id,
    ]
    for task_id in held:
        approval = waiting(task_id)
        assert not Step.objects.filter(task_id=task_id, attempt__gt=0).exists()
        decide(principal, approval)
        assert play(task_id).status == TaskStatus.COMPLETED
