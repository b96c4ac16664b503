"""Outcomes that cannot be stored, and money that nobody will settle."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from agents.types import EMBEDDING_DIMENSIONS, ApprovalAsk, AskedBy, NewMemory
from orchestration.engine.advance import task_advance
from orchestration.engine.approvals import approval_put
from orchestration.engine.claim import steps_claim
from orchestration.engine.kinds import KINDS, Work
from orchestration.engine.outcome import StepEnd, outcomes_write
from orchestration.events.write import events_append
from orchestration.models import Approval, Event, Step, Task
from orchestration.services import fanout_submit
from orchestration.types import StepKind, StepOutcome, StepStatus, TaskStatus
from policy.models import Reservation
from policy.selectors import budget_states
from policy.services import budget_reserve
from policy.types import Amount, BudgetRef, BudgetScope, Principal
from shannon_project.foundation.errors import ShannonError
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("status", [StepStatus.FAILED, StepStatus.CANCELLED, StepStatus.READY])
def test_a_step_that_does_not_succeed_holds_no_money(principal: Principal, status: StepStatus) -> None:
    task = fanout_submit(principal=principal, width=1, concurrency_limit=1)
    task_advance(task.id)
    (step,) = steps_claim(task_id=task.id, first=None, owner="w", limit=1)
    refs = [BudgetRef(BudgetScope.TASK, task.id), BudgetRef(BudgetScope.TENANT, principal.tenant_id)]
    budget_reserve(
        tenant_id=principal.tenant_id, step_id=step.step_id, position=0, budgets=refs, amount=Amount(tokens=500)
    )
    error = ShannonError("broken").as_json()
    outcomes_write(task.id, [StepEnd(step, status, StepOutcome(error=error))])
    states = budget_states(tenant_id=principal.tenant_id, refs=refs)
    assert [state.reserved_tokens for state in states] == [0, 0]
    assert not Reservation.objects.filter(step_id=step.step_id, status="held").exists()


@pytest.mark.parametrize(
    ("status", "expected"),
    [(StepStatus.FAILED, "withdrawn"), (StepStatus.CANCELLED, "withdrawn"), (StepStatus.READY, "pending")],
)
def test_a_step_that_fails_for_good_asks_nobody_any_more_and_the_tasks_clock_goes_on(
    principal: Principal, status: StepStatus, expected: str
) -> None:
    task = fanout_submit(principal=principal, width=2, concurrency_limit=1)
    task_advance(task.id)
    step, other = steps_claim(task_id=task.id, first=None, owner="w", limit=2)
    ask = ApprovalAsk(action="tool.call", subject={}, message="May it?", requested_by=AskedBy.TOOL)
    for asking in (step, other):
        approval_put(
            tenant_id=principal.tenant_id,
            task_id=task.id,
            ask=ask,
            step_id=asking.step_id,
            step_key=asking.key,
            position=1,
        )
    outcomes_write(task.id, [StepEnd(step, status, StepOutcome(error=ShannonError("broken").as_json()))])
    assert Approval.objects.get(step_id=step.step_id).status == expected
    assert Approval.objects.get(step_id=other.step_id).status == "pending"
    assert Task.objects.get(id=task.id).clock_stopped_at is not None  # the other one still waits
    outcomes_write(task.id, [StepEnd(other, StepStatus.FAILED, StepOutcome(error=ShannonError("broken").as_json()))])
    assert (Task.objects.get(id=task.id).clock_stopped_at is None) == (expected == "withdrawn")


def test_a_question_that_postgres_cannot_store_is_put_all_the_same(principal: Principal) -> None:
    task = fanout_submit(principal=principal, width=1, concurrency_limit=1)
    asked = ApprovalAsk(
        action="ask.human", subject={"question": "a\x00"}, message="a\x00b\ud800?", requested_by=AskedBy.TOOL
    )
    with transaction.atomic():
        told = approval_put(tenant_id=principal.tenant_id, task_id=task.id, ask=asked)
        assert told is not None
        events_append(task_id=task.id, drafts=[told])
    assert Approval.objects.get().message == "a\ufffdb\ufffd?"
    assert Event.objects.filter(task_id=task.id).latest("seq").message == "a\ufffdb\ufffd?"


@pytest.fixture
def noop_returns(monkeypatch: pytest.MonkeyPatch) -> Callable[[UUID, Any], None]:
    """Let one step of a fan-out return something else: what a model may have written."""

    def install(step_id: UUID, output: Any) -> None:
        kind = KINDS[StepKind.NOOP]
        honest = kind.execute

        def execute(work: Work) -> StepOutcome:
            if work.step.step_id != step_id:
                return honest(work)
            return output if isinstance(output, StepOutcome) else StepOutcome(output=output)

        monkeypatch.setattr(kind, "execute", execute)

    return install


def test_text_that_postgres_cannot_store_is_mended(
    principal: Principal, noop_returns: Callable[[UUID, Any], None]
) -> None:
    task = fanout_submit(principal=principal, width=3, concurrency_limit=1)
    task_advance(task.id)
    step = Step.objects.get(task=task, key="noop-1")
    noop_returns(step.id, {"plan": {"title": "a\x00b\ud800"}})
    assert play(task.id).result == "3 of 3 steps done"
    step.refresh_from_db()
    assert step.output == {"plan": {"title": "a\ufffdb\ufffd"}}


@pytest.mark.parametrize(
    "output",
    [
        {"number": float("nan")},
        # its tenant is gone: Postgres says so only at the commit
        StepOutcome(
            output={}, memories=(NewMemory(uuid4(), None, uuid4(), "d", "text", [0.0] * EMBEDDING_DIMENSIONS),)
        ),
    ],
)
def test_an_outcome_that_cannot_be_stored_fails_its_own_step_only(
    principal: Principal, noop_returns: Callable[[UUID, Any], None], output: Any
) -> None:
    task = fanout_submit(principal=principal, width=20, concurrency_limit=1)
    task_advance(task.id)
    step = Step.objects.get(task=task, key="noop-13")
    noop_returns(step.id, output)
    ended = play(task.id)
    assert (ended.status, ended.result) == (TaskStatus.COMPLETED, "19 of 20 steps done")
    step.refresh_from_db()
    assert step.status == StepStatus.FAILED
    assert Event.objects.filter(task=task, kind="ERROR_OCCURRED", step_key="noop-13").count() == 1
