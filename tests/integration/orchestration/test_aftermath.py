"""After a task's end: every strategy's answer is remembered, and, where it is switched on, its outcome learned from."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from agents.models import Memory
from agents.services import MemoryNote, memories_of, memory_search
from agents.types import NewMemory
from orchestration.aftermath import aftermath_ring, aftermath_work
from orchestration.choosing import strategy_choose
from orchestration.control import task_cancel
from orchestration.learning import Outcome, outcomes_add, records_of
from orchestration.models import Event, RouteRecord, Task
from orchestration.services import task_submit
from orchestration.strategies import OFFERED, route
from orchestration.types import TaskRequest, TaskStatus
from orchestration.wishes import Wishes
from orchestration.workflows.service import templates_load
from policy.services import tenant_seed
from policy.types import SCOPES, Principal
from tests.integration.orchestration.playing import play, principal
from tests.integration.orchestration.strategies.corpus import web

__all__ = ["principal", "web"]

pytestmark = pytest.mark.django_db(transaction=True)

SUM = "What is 17 * (3 + 4)?"
SEQUENCE = "Count the words in 'a b c', and then work out 12 * 12, and then work out 9 * 9"
FIELDS: dict[str, dict[str, Any]] = {
    "research": {"query": "How do wild bees in the city fare?"},
    "template": {"template": "calculation", "template_inputs": {"expressions": ["6 * 7"]}},
    "dag": {"query": SEQUENCE, "strategy_parameters": {"synthesize": False}},
}


def run(principal: Principal, mode: str, **fields: Any) -> Task:
    task = play(task_submit(principal=principal, request=TaskRequest(**{"query": SUM, "mode": mode, **fields})).task.id)
    assert task.status == TaskStatus.COMPLETED, task.error
    return task


@pytest.mark.parametrize("name", sorted(OFFERED))
@pytest.mark.usefixtures("web")
def test_the_answer_of_every_strategy_is_remembered_once(principal: Principal, name: str) -> None:
    templates_load()
    task = run(principal, name, **FIELDS.get(name, {}))
    aftermath_work()
    assert aftermath_work() == 0
    remembered = Memory.objects.filter(task_id=task.id, tenant_id=principal.tenant_id)
    answer = (task.result or "").strip()[:80]
    assert [answer in memory.content for memory in remembered].count(True) == 1
    hits = memory_search(tenant_id=principal.tenant_id, query=task.query, limit=3)
    assert task.id in {hit.task_id for hit in hits}


def test_what_a_step_remembered_leaves_nothing_to_do(principal: Principal) -> None:
    run(principal, "simple")
    assert not Task.objects.filter(aftermath_due=True).exists()
    assert aftermath_ring() is False


def test_what_is_due_survives_whoever_dies_before_it_is_done(principal: Principal) -> None:
    task = run(principal, "react")
    assert Task.objects.get(id=task.id).aftermath_due
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("orchestration.aftermath.memories_write", _die)
        with pytest.raises(KeyboardInterrupt):
            aftermath_work()
    assert Task.objects.get(id=task.id).aftermath_due
    assert aftermath_work() == 1
    assert Memory.objects.filter(task_id=task.id).count() == 1


def test_an_answer_that_cannot_be_remembered_holds_up_nobody_elses(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = [run(principal, "react") for _ in range(3)]

    def embed(notes: Sequence[MemoryNote]) -> list[NewMemory]:
        if any(note.task_id == tasks[1].id for note in notes):
            raise ValueError("no vector for this")
        return memories_of(notes)

    monkeypatch.setattr("orchestration.aftermath.memories_of", embed)
    assert aftermath_work() == 3
    assert aftermath_work() == 0
    remembered = set(Memory.objects.values_list("task_id", flat=True))
    assert remembered == {tasks[0].id, tasks[2].id}


def _die(_memories: object) -> None:
    raise KeyboardInterrupt


def test_many_are_done_in_as_many_round_trips_as_one(
    principal: Principal, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for count in (1, 3):
        for _ in range(count):
            run(principal, "chain_of_thought")
        with django_assert_num_queries(6):  # the tasks; begin, those still due, memories, flags, commit
            assert aftermath_work() == count


def test_outcomes_are_recorded_only_where_learning_is_on_and_in_their_tenant(
    principal: Principal, settings: Settings
) -> None:
    run(principal, "react")
    aftermath_work()
    assert not RouteRecord.objects.exists()
    settings.SHANNON_ROUTER_LEARNS = True
    first, second = run(principal, "react"), run(principal, "simple")
    cancelled = task_submit(principal=principal, request=TaskRequest(query=SUM, mode="dag")).task
    task_cancel(principal=principal, task_id=cancelled.id, reason="enough")
    aftermath_work()
    cluster = route(SUM, frozenset(OFFERED)).cluster
    found = {record.strategy: record for record in records_of(tenant_id=principal.tenant_id, cluster=cluster)}
    assert set(found) == {"react", "simple"}, "to be cancelled by a person says nothing about a strategy"
    for task in (first, second):
        record = found[task.strategy]
        assert (record.runs, record.score) == (1, 1.0)
        assert record.tokens == task.prompt_tokens + task.completion_tokens
        assert record.seconds > 0
        assert record.cost_usd == pytest.approx(float(task.cost_usd))
    other = tenant_seed(slug="other", name="Other")
    assert records_of(tenant_id=other.id, cluster=cluster) == []


def test_the_router_takes_what_fared_better_and_says_so_and_only_in_that_tenant(
    principal: Principal, settings: Settings
) -> None:
    cluster = route(SEQUENCE, frozenset(OFFERED)).cluster
    outcomes_add(known(principal.tenant_id, cluster, "dag", tokens=9_000))
    outcomes_add(known(principal.tenant_id, cluster, "react", tokens=1_000, is_judged=False))
    outcomes_add(known(principal.tenant_id, cluster, "simple", tokens=3_000))
    request = TaskRequest(query=SEQUENCE)
    assert task_submit(principal=principal, request=request).task.strategy == "dag"
    settings.SHANNON_ROUTER_LEARNS = True
    task = task_submit(principal=principal, request=request).task
    assert task.strategy == "simple"
    told = Event.objects.get(task=task, kind="WORKFLOW_STARTED").payload["route"]
    assert told["learned_instead_of"] == "dag"
    assert "simple scored 1.00 with 3,000 tokens in 5 runs (5 judged by people)" in told["reasons"][-1]
    assert task_submit(principal=principal, request=TaskRequest(query=SEQUENCE, mode="dag")).task.strategy == "dag"
    other = tenant_seed(slug="other", name="Other")
    theirs = Principal(other.id, "key:other", "other", frozenset(SCOPES))
    assert task_submit(principal=theirs, request=request).task.strategy == "dag"


def known(tenant_id: UUID, cluster: str, strategy: str, *, tokens: int, is_judged: bool = True) -> list[Outcome]:
    return [Outcome(tenant_id, cluster, strategy, 1.0, tokens, Decimal("0.01"), 2.0, is_judged)] * 5


def test_learning_costs_a_submit_one_round_trip_and_nothing_when_it_is_off(
    principal: Principal, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        strategy_choose(SUM, Wishes(), tenant_id=principal.tenant_id)
    settings.SHANNON_ROUTER_LEARNS = True
    with django_assert_num_queries(1):
        strategy_choose(SUM, Wishes(), tenant_id=principal.tenant_id)
    with django_assert_num_queries(0):
        strategy_choose(SUM, Wishes(mode="simple", why="asked"), tenant_id=principal.tenant_id)
