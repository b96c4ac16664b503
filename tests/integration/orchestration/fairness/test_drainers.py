"""Drainers that make room, give their slots back, and are no more than can compute."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from uuid import UUID

import pytest
from django.db import connection
from pytest_django import Settings

from orchestration.engine import drain as draining
from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.engine.facts import task_facts
from orchestration.engine.lease import SLOW_STEP_SECONDS
from orchestration.engine.presence import Presence
from orchestration.engine.slots import _slots_return, slot_return
from orchestration.engine.turns import SHORT_STEP_DRAINERS, TURNS
from orchestration.models import Step, WorkerPresence
from orchestration.types import StepStatus, TaskStatus
from policy.types import Principal
from tests.integration.orchestration.fairness.crowd import (
    THREADS,
    _worker,
    begin,
    capacity,
    is_waiting,
    other,
    rung,
    submitted,
)
from tests.integration.orchestration.playing import play, principal

__all__ = ["_worker", "capacity", "other", "principal"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_steps_that_only_compute_get_as_many_drainers_as_processes_can_use(principal: Principal) -> None:
    wide = submitted(principal, width=10_000, limit=20, only_computes=True)
    assert rung(wide) == SHORT_STEP_DRAINERS
    Presence("worker@there:1", THREADS).tell()
    task_advance(wide)
    assert rung(wide) == 2 * SHORT_STEP_DRAINERS
    begin(wide, "a-0")
    task_advance(wide)
    assert rung(wide) == 2 * SHORT_STEP_DRAINERS - 1


def test_a_drainer_makes_room_while_others_wait_and_its_rest_waits_behind_them(
    principal: Principal, settings: Settings
) -> None:
    WorkerPresence.objects.update(threads=1)
    settings.SHANNON_DRAIN_CONTENDED_SLICE_SECONDS = 0.0
    wide, simple = submitted(principal, 200, only_computes=True), submitted(principal, only_computes=True)
    assert (rung(wide), is_waiting(simple)) == (1, True)
    ended = drain(wide, first=None)
    assert 0 < ended < 200
    assert (is_waiting(wide), is_waiting(simple), rung(simple)) == (True, False, 1)
    assert drain(simple, first=None) == 1
    assert (is_waiting(wide), rung(wide)) == (False, 1)
    assert play(wide).status == TaskStatus.COMPLETED
    assert play(simple).status == TaskStatus.COMPLETED


def test_a_drainer_asks_once_more_whether_somebody_waits(principal: Principal) -> None:
    task_id = submitted(principal, 200, 1, only_computes=True)
    asked: list[str] = []

    def note(execute: Callable[..., object], sql: str, *args: object) -> object:
        asked.append(sql)
        return execute(sql, *args)

    with connection.execute_wrapper(note):
        assert drain(task_id, first=None) == 200
    assert len([sql for sql in asked if sql.startswith("SELECT EXISTS (SELECT 1 FROM orchestration_task")]) == 1
    assert not [sql for sql in asked if "orchestration_workerpresence" in sql]


def test_a_drainer_that_finds_no_thread_gives_its_slot_back_and_its_task_is_served_when_one_is_free(
    principal: Principal, other: Principal, capacity: Callable[[int], None]
) -> None:
    capacity(2)  # one of them is kept for a tenant that has none yet
    refused, light = submitted(principal, only_computes=True), submitted(other, only_computes=True)
    with ThreadPoolExecutor(1) as elsewhere, ExitStack() as at_work:
        elsewhere.submit(at_work.enter_context, TURNS.drainer(principal.tenant_id)).result()
        first = Step.objects.get(task_id=refused)
        assert drain(refused, first=first.id) == 0
        assert (is_waiting(refused), rung(refused)) == (True, 0)
        assert drain(light, first=None) == 1, "another tenant's is done at once; its drainer then serves who waits"
        elsewhere.submit(at_work.close).result()
    assert (is_waiting(refused), rung(refused)) == (False, 1)
    assert drain(refused, first=first.id) == 1


def test_a_slot_that_is_given_back_makes_no_task_wait_on_which_others_work(
    principal: Principal, capacity: Callable[[int], None]
) -> None:
    capacity(2)
    task_id = submitted(principal, 3)
    begin(task_id, "a-0")
    first = Step.objects.filter(task_id=task_id, status=StepStatus.READY, rung_at__isnull=False)[0]
    slot_return(task_id, first.id)
    assert (is_waiting(task_id), rung(task_id)) == (False, 1)


def test_the_slots_of_many_are_given_back_together_and_their_task_waits_when_nobody_works_on_it(
    principal: Principal,
) -> None:
    task_id = submitted(principal, 4, 4)
    firsts = list(Step.objects.filter(task_id=task_id).order_by("position").values_list("id", flat=True))
    _slots_return(task_id, [*firsts[:2], None])
    assert (is_waiting(task_id), rung(task_id)) == (False, 2), "two more were sent"
    _slots_return(task_id, firsts[2:])
    assert (is_waiting(task_id), rung(task_id)) == (True, 0)
    assert play(task_id).status == TaskStatus.COMPLETED


def test_no_more_drainers_than_can_compute_do_a_tasks_short_steps(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draining, "SHORT_STEP_SECONDS", float("inf"))
    task_id = submitted(principal, 200, only_computes=True)
    with ExitStack() as others:
        for _ in range(SHORT_STEP_DRAINERS):
            assert others.enter_context(TURNS.hurry())(task_id)
        assert drain(task_id, first=None) == 1, "its first step showed that they are short; others do them"
    assert drain(task_id, first=None) == 199


def test_a_task_whose_steps_prove_long_after_all_is_rung_for(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung_for: list[UUID] = []
    monkeypatch.setattr(draining, "ring_advance", lambda task_id, *_: rung_for.append(task_id))
    run = draining.Drain(task_facts(submitted(principal)), "owner", claim_size=16, hurries=True)
    for seconds in (0.01, SLOW_STEP_SECONDS, SLOW_STEP_SECONDS):
        draining._pace_note(run, seconds)
    assert (run.claim_size, rung_for) == (1, [run.facts.task_id])
