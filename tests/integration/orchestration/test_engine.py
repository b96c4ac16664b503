"""The engine on a real database: claims, fences, dependencies, events, recovery, cancellation."""

import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import redis
from django.conf import settings
from django.db import connection, connections
from django.db.models.functions import Now
from pytest_django import Settings

from orchestration.control import task_cancel
from orchestration.engine import drain as draining
from orchestration.engine.advance import Advanced, task_advance
from orchestration.engine.claim import steps_claim
from orchestration.engine.drain import drain
from orchestration.engine.execute import execute
from orchestration.engine.facts import task_facts
from orchestration.engine.lease import KEEPER
from orchestration.engine.outcome import StepEnd, outcomes_write
from orchestration.engine.recover import recover
from orchestration.models import Event, Step, Task
from orchestration.services import fanout_submit
from orchestration.types import StepOutcome, StepStatus, TaskStatus
from policy.models import AuditEntry, Budget
from policy.selectors import budget_states
from policy.types import BudgetRef, BudgetScope, Principal
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)


def fanout(principal: Principal, width: int, limit: int = 8) -> UUID:
    return fanout_submit(principal=principal, width=width, concurrency_limit=limit).id


def lapse(task_id: UUID) -> None:
    """Let every lease of the task expire, as it does when its worker is dead."""
    Step.objects.filter(task_id=task_id, status=StepStatus.RUNNING).update(lease_until=Now() - timedelta(seconds=1))


def seqs(task_id: UUID) -> list[int]:
    return list(Event.objects.filter(task_id=task_id).order_by("seq").values_list("seq", flat=True))


def test_a_fan_out_runs_every_step_once_and_joins(principal: Principal) -> None:
    task = play(fanout(principal, 50))
    assert task.status == TaskStatus.COMPLETED
    assert task.result == "50 of 50 steps done"
    assert set(Step.objects.filter(task=task).values_list("status", "attempt")) == {("succeeded", 1)}


def test_events_are_numbered_without_gap_and_end_with_the_terminal_one(principal: Principal) -> None:
    task = play(fanout(principal, 20))
    assert seqs(task.id) == list(range(1, task.event_seq + 1))
    kinds = list(Event.objects.filter(task=task).order_by("seq").values_list("kind", flat=True))
    assert kinds[0] == "WORKFLOW_STARTED"
    assert kinds[-2:] == ["WORKFLOW_COMPLETED", "STREAM_END"]
    assert kinds.count("AGENT_COMPLETED") == 20


def test_every_step_is_paid_by_the_task_the_session_and_the_tenant(principal: Principal) -> None:
    task = play(fanout(principal, 20))
    refs = [
        BudgetRef(BudgetScope.TASK, task.id),
        BudgetRef(BudgetScope.SESSION, task.session_id),
        BudgetRef(BudgetScope.TENANT, principal.tenant_id),
    ]
    states = budget_states(tenant_id=principal.tenant_id, refs=refs)
    assert [(state.spent_tokens, state.reserved_tokens) for state in states] == [(20, 0)] * 3


def test_a_fan_out_stops_paying_where_its_budget_ends(principal: Principal) -> None:
    task_id = fanout(principal, 20)
    Budget.objects.filter(scope=BudgetScope.TASK, scope_id=task_id).update(limit_tokens=12)
    task = play(task_id)
    assert task.result == "12 of 20 steps done"
    refused = Step.objects.filter(task=task, status=StepStatus.FAILED)
    assert {step.error["code"] for step in refused if step.error} == {"BUDGET_EXCEEDED"}
    assert Event.objects.filter(task=task, kind="ERROR_OCCURRED").count() == 8
    (state,) = budget_states(tenant_id=principal.tenant_id, refs=[BudgetRef(BudgetScope.TASK, task_id)])
    assert (state.spent_tokens, state.reserved_tokens) == (12, 0)
    assert AuditEntry.objects.filter(action="budget.reserve", outcome="denied").count() == 8


def test_a_step_is_claimed_by_one_of_many_workers(principal: Principal) -> None:
    task_id = fanout(principal, 40, limit=20)
    task_advance(task_id)
    claimed: list[UUID] = []
    barrier = threading.Barrier(8)

    def claim(owner: str) -> None:
        barrier.wait()
        for _ in range(10):
            claimed.extend(step.step_id for step in steps_claim(task_id=task_id, first=None, owner=owner, limit=3))
        connections.close_all()

    workers = [threading.Thread(target=claim, args=(f"worker-{number}",)) for number in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(claimed) == 40
    assert len(set(claimed)) == 40


def test_the_first_step_of_a_job_is_tried_before_others(principal: Principal) -> None:
    task_id = fanout(principal, 5)
    task_advance(task_id)
    last = Step.objects.get(task_id=task_id, key="noop-4")
    assert [step.key for step in steps_claim(task_id=task_id, first=last.id, owner="w", limit=1)] == ["noop-4"]


def test_no_more_owners_work_on_a_task_than_its_limit(principal: Principal) -> None:
    task_id = fanout(principal, 5, limit=2)
    task_advance(task_id)
    assert steps_claim(task_id=task_id, first=None, owner="a", limit=1)
    assert steps_claim(task_id=task_id, first=None, owner="b", limit=1)
    assert steps_claim(task_id=task_id, first=None, owner="c", limit=1) == []


def test_an_outcome_with_a_stale_token_changes_nothing(principal: Principal) -> None:
    task_id = fanout(principal, 1)
    task_advance(task_id)
    (zombie,) = steps_claim(task_id=task_id, first=None, owner="zombie", limit=1)
    lapse(task_id)
    assert recover().steps == 1
    (heir,) = steps_claim(task_id=task_id, first=None, owner="heir", limit=1)
    assert heir.attempt == zombie.attempt + 1
    before = seqs(task_id)
    written = outcomes_write(task_id, [StepEnd(zombie, StepStatus.SUCCEEDED, StepOutcome(output={"by": "zombie"}))])
    assert written.recorded == 0
    assert seqs(task_id) == before
    outcomes_write(task_id, [StepEnd(heir, StepStatus.SUCCEEDED, StepOutcome(output={"by": "heir"}))])
    assert Step.objects.get(task_id=task_id).output == {"by": "heir"}


def test_a_superseded_step_that_is_executed_all_the_same_is_not_recorded(principal: Principal) -> None:
    task_id = fanout(principal, 1)
    task_advance(task_id)
    claimed = steps_claim(task_id=task_id, first=None, owner="zombie", limit=1)
    batch = KEEPER.hold(claimed)
    lapse(task_id)
    recover()
    KEEPER.beat()
    taken = batch.take_next()
    assert taken is not None
    assert execute(*taken, task_facts(task_id)) is None
    KEEPER.drop(batch)


def test_a_heartbeat_keeps_a_lease_from_expiring(principal: Principal) -> None:
    task_id = fanout(principal, 1)
    task_advance(task_id)
    batch = KEEPER.hold(steps_claim(task_id=task_id, first=None, owner="w", limit=1))
    lapse(task_id)
    KEEPER.beat()
    assert recover().steps == 0
    KEEPER.drop(batch)


def test_a_step_that_loses_its_worker_too_often_fails_and_the_task_goes_on(principal: Principal) -> None:
    task_id = fanout(principal, 2)
    task_advance(task_id)
    poison = Step.objects.get(task_id=task_id, key="noop-0")
    for _ in range(3):
        assert steps_claim(task_id=task_id, first=poison.id, owner="doomed", limit=1)[0].step_id == poison.id
        lapse(task_id)
        recover()
    poison.refresh_from_db()
    assert poison.status == StepStatus.FAILED
    assert poison.error is not None
    assert poison.error["code"] == "WORKER_LOST"
    assert play(task_id).result == "1 of 2 steps done"


def test_no_lease_is_taken_back_while_workers_could_not_beat(principal: Principal, settings: Settings) -> None:
    task_id = fanout(principal, 1)
    task_advance(task_id)
    steps_claim(task_id=task_id, first=None, owner="alive", limit=1)
    lapse(task_id)
    settings.SHANNON_RECOVER_SERVER_UPTIME_SECONDS = 10**9
    assert recover().steps == 0, "Postgres was restarted a moment ago"
    settings.SHANNON_RECOVER_SERVER_UPTIME_SECONDS = 0.0
    KEEPER.is_cut_off = True
    try:
        assert recover().steps == 0, "this process cannot reach Postgres itself"
    finally:
        KEEPER.is_cut_off = False
    assert recover().steps == 1


def test_a_lost_doorbell_is_rung_again(principal: Principal) -> None:
    # other tests' doorbells still wait here, and while many wait nothing is rung again
    redis.Redis.from_url(settings.CELERY_BROKER_URL).delete(*settings.SHANNON_QUEUES)
    task_id = fanout(principal, 1)
    assert recover().tasks_rung == 0
    Task.objects.filter(id=task_id).update(doorbell_at=Now() - timedelta(seconds=60))
    assert recover().tasks_rung == 1
    assert recover().tasks_rung == 0


def test_a_second_advance_changes_nothing(principal: Principal) -> None:
    task_id = fanout(principal, 3)
    task_advance(task_id)
    task_advance(task_id)
    assert Step.objects.filter(task_id=task_id).count() == 3
    task = play(task_id)
    end = seqs(task_id)
    assert task_advance(task_id) == Advanced.NOTHING
    assert drain(task_id, first=None) == 0
    assert seqs(task.id) == end


def test_cancelling_stops_what_waits_and_tells_what_runs(principal: Principal) -> None:
    task_id = fanout(principal, 3)
    task_advance(task_id)
    claimed = steps_claim(task_id=task_id, first=None, owner="w", limit=1)
    batch = KEEPER.hold(claimed)
    assert task_cancel(principal=principal, task_id=task_id, reason="changed my mind") is True
    assert task_cancel(principal=principal, task_id=task_id) is False
    KEEPER.beat()
    taken = batch.take_next()
    assert taken is not None
    end = execute(*taken, task_facts(task_id))
    assert end is not None
    assert end.status is StepStatus.CANCELLED
    outcomes_write(task_id, [end])
    KEEPER.drop(batch)
    assert set(Step.objects.filter(task_id=task_id).values_list("status", flat=True)) == {"cancelled"}
    task = Task.objects.get(id=task_id)
    assert (task.status, task.status_reason, task.status_changed_by) == ("CANCELLED", "changed my mind", "key:test")
    kinds = list(Event.objects.filter(task_id=task_id).order_by("seq").values_list("kind", flat=True))
    assert kinds[-3:] == ["WORKFLOW_CANCELLING", "WORKFLOW_CANCELLED", "STREAM_END"]


def test_a_task_past_its_deadline_ends_as_timed_out(principal: Principal) -> None:
    task_id = fanout(principal, 3)
    Task.objects.filter(id=task_id).update(deadline_at=Now() - timedelta(seconds=1))
    task_advance(task_id)
    task = Task.objects.get(id=task_id)
    assert task.status == TaskStatus.TIMEOUT
    assert task.error is not None
    assert task.error["code"] == "TASK_DEADLINE_EXCEEDED"


def test_a_doorbell_for_a_task_that_does_not_exist_is_harmless() -> None:
    assert task_advance(uuid4()) == Advanced.NOTHING
    assert drain(uuid4(), first=None) == 0


def test_the_heartbeat_hands_back_what_a_slow_step_holds_up(principal: Principal) -> None:
    task_id = fanout(principal, 4)
    task_advance(task_id)
    batch = KEEPER.hold(steps_claim(task_id=task_id, first=None, owner="w", limit=3))
    assert batch.take_next() is not None
    batch.begun_at_seconds -= 10
    KEEPER.beat()
    assert batch.take_next() is None
    assert Step.objects.filter(task_id=task_id, status=StepStatus.READY).count() == 3
    KEEPER.drop(batch)


def test_queries_do_not_grow_with_the_number_of_steps(principal: Principal) -> None:
    counts = []
    for task_id in (fanout(principal, 2), fanout(principal, 400)):
        counter = _Counter()
        with connection.execute_wrapper(counter):
            task_advance(task_id)
        counts.append(counter.count)
    assert counts[0] == counts[1]


def test_short_steps_share_their_round_trips(principal: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SHORT_STEP_SECONDS", "FLUSH_SECONDS"):  # what is short is for the test to say, not for the machine
        monkeypatch.setattr(draining, name, float("inf"))
    task_id = fanout(principal, 200)
    task_advance(task_id)
    counter = _Counter()
    with connection.execute_wrapper(counter):
        assert drain(task_id, first=None) == 200
    assert counter.count / 200 < 2


class _Counter:
    """Counts statements on a connection."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, execute: Callable[..., object], *args: object) -> object:
        self.count += 1
        return execute(*args)
