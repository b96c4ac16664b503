"""A tool call that may have happened: it stops the step, is asked about, or is made again, as the operator says."""

from typing import Any

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from agents.tools.base import ToolContext, ToolOutput
from agents.tools.builtin.calculator import CalculatorTool
from orchestration.approvals import approval_decide
from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.engine.recover import recover
from orchestration.models import Approval, Event, Step, Task
from orchestration.services import tool_execute
from policy.types import Principal
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)


class Crash(BaseException):
    """The process died here."""


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The idempotency keys of a tool's calls; the first call happens and kills its worker."""
    made: list[str] = []

    def execute(_: CalculatorTool, ctx: ToolContext, __: Any) -> ToolOutput:
        made.append(ctx.idempotency_key)
        if len(made) == 1:
            raise Crash
        return ToolOutput({"call": len(made)})

    monkeypatch.setattr(CalculatorTool, "execute", execute)
    monkeypatch.setattr(CalculatorTool, "idempotent", False)
    return made


def cut_off(principal: Principal) -> Task:
    """Return a task whose only call was made and not recorded; its step was taken back."""
    arguments = {"expression": "1"}
    task = tool_execute(principal=principal, name="calculator", arguments=arguments, session_id=None).task
    task_advance(task.id)
    with pytest.raises(Crash):
        drain(task.id, first=None)
    Step.objects.filter(task=task).update(lease_until=Now())
    assert recover().steps == 1
    return task


def test_by_default_the_step_stops(principal: Principal, calls: list[str]) -> None:
    task = play(cut_off(principal).id)
    assert task.error is not None
    assert task.error["code"] == "OUTCOME_UNKNOWN"
    assert len(calls) == 1


def test_it_is_made_again_under_the_same_key_where_twice_does_no_harm(
    principal: Principal, calls: list[str], settings: Settings
) -> None:
    settings.SHANNON_TOOL_UNKNOWN_OUTCOME = {"calculator": "retry"}
    task = play(cut_off(principal).id)
    assert task.status == "COMPLETED"
    assert len(calls) == 2
    assert calls[0] == calls[1] == f"{Step.objects.get(task=task).id}:0"


@pytest.mark.parametrize("approved", [True, False])
def test_a_person_decides_whether_it_is_made_again(
    principal: Principal, calls: list[str], settings: Settings, approved: bool
) -> None:
    settings.SHANNON_TOOL_UNKNOWN_OUTCOME = {"calculator": "ask"}
    task = cut_off(principal)
    task_advance(task.id)
    drain(task.id, first=None)
    assert Step.objects.get(task=task).status == "waiting"
    approval = Approval.objects.get(task=task)
    assert (approval.action, approval.requested_by, approval.position) == ("outcome.repeat", "outcome_unknown", 0)
    assert approval.subject["request"]["arguments"] == {"expression": "1"}
    assert Event.objects.filter(task=task, kind="APPROVAL_REQUESTED").count() == 1
    approval_decide(principal=principal, approval_id=approval.id, task_id=task.id, approved=approved)
    task = play(task.id)
    assert len(calls) == (2 if approved else 1)
    assert task.status == ("COMPLETED" if approved else "FAILED")
    assert approved or (task.error or {})["code"] == "OUTCOME_UNKNOWN"
