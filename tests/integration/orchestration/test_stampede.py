"""Recovery after a long outage: a hundred thousand expired steps, and several recoverers at once."""

import threading
from collections import Counter
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from orchestration.engine import taking_back
from orchestration.engine.recover import recover
from orchestration.models import Event, Step, Task
from orchestration.services import fanout_submit
from policy.types import Principal
from tests.integration.orchestration.playing import principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)

STATEMENTS_PER_BATCH = 11  # with savepoints; 2 more for each task in which a step failed for good


@pytest.fixture(autouse=True)
def bells(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Count the bells; no worker answers them here."""
    # other tests' doorbells still wait in the broker, and while many wait nothing is rung again
    redis.Redis.from_url(settings.CELERY_BROKER_URL).delete(*settings.SHANNON_QUEUES)
    rung: list[Any] = []

    def ring(turns: Any) -> bool:
        rung.extend(turn.task_id for turn in turns)
        return True

    monkeypatch.setattr(taking_back, "ring_advances", ring)
    return rung


def outage(principal: Principal, *, tasks: int, steps_each: int, failures: int = 0) -> None:
    """Make running tasks whose steps were all at work when every worker died, by two set-based inserts."""
    template = fanout_submit(principal=principal, width=1, concurrency_limit=1)
    Task.objects.filter(id=template.id).update(status="RUNNING")
    columns = [str(field.column) for field in Task._meta.concrete_fields if field.column not in {"id", "created_at"}]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO orchestration_task (id, created_at, {', '.join(columns)})"
            f" SELECT gen_random_uuid(), now(), {', '.join(columns)} FROM orchestration_task,"
            " generate_series(1, %s) WHERE id = %s",
            [tasks - 1, template.id],
        )
        cursor.execute(
            "INSERT INTO orchestration_step (id, task_id, position, key, kind, title, input, depends_on,"
            " open_dependencies, on_dependency_failure, status, attempt, failures, lease_owner, lease_until,"
            " prompt_tokens, completion_tokens, model_calls, tool_calls, cost_usd, created_at)"
            " SELECT gen_random_uuid(), t.id, n, 'noop-' || n, 'noop', 'No-op ' || n, '{}', '[]', 0, 'skip', 'running',"
            " 1, %s, 'dead', now() - interval '7 days', 0, 0, 0, 0, 0, now()"
            " FROM orchestration_task t, generate_series(1, %s) n WHERE t.status = 'RUNNING'",
            [failures, steps_each],
        )


def test_a_hundred_thousand_expired_steps_are_worked_off_in_bounded_batches(
    principal: Principal, bells: list[Any]
) -> None:
    outage(principal, tasks=500, steps_each=200)
    before = Counter(Event.objects.values_list("task_id", flat=True))
    with CaptureQueriesContext(connection) as queries:
        passes = [recover().steps]
        while passes[-1]:
            passes.append(recover().steps)
    assert sum(passes) == 100_000
    assert set(Step.objects.values_list("status", "failures", "attempt")) == {("ready", 1, 1)}
    batches = 100_000 // 1_000
    assert len(queries) <= (batches + len(passes)) * STATEMENTS_PER_BATCH + 10 * len(passes)
    seqs: dict[Any, list[int]] = {}
    for task_id, seq in Event.objects.order_by("task_id", "seq").values_list("task_id", "seq"):
        seqs.setdefault(task_id, []).append(seq)
    first = min(before)
    assert len(seqs) == 500
    assert all(found == list(range(found[0], found[0] + 200)) for task, found in seqs.items() if task != first)
    assert set(bells) == set(seqs), "all are put in line, however many there are"


def test_poison_steps_of_many_tasks_end_at_once_and_their_tasks_go_on(principal: Principal, settings: Settings) -> None:
    outage(principal, tasks=20, steps_each=3, failures=settings.SHANNON_STEP_MAX_ATTEMPTS - 1)
    ended = Task.objects.order_by("id").first()
    assert ended is not None
    Task.objects.filter(id=ended.id).update(status="CANCELLED")
    assert recover().steps == 60
    assert set(Step.objects.exclude(task=ended).values_list("status", "error__code", "error__message")) == {
        ("failed", "WORKER_LOST", "The step lost its worker 3 times.")
    }
    assert set(Step.objects.filter(task=ended).values_list("status", "error")) == {("cancelled", None)}
    assert not Event.objects.filter(task=ended, kind="ERROR_OCCURRED").exists()
    assert Event.objects.filter(kind="ERROR_OCCURRED").count() == 57


def test_several_recoverers_at_once_take_each_step_back_once(principal: Principal) -> None:
    outage(principal, tasks=10, steps_each=30)
    together = threading.Barrier(4)
    counts: list[int] = []

    def one() -> None:
        together.wait()
        counts.append(recover().steps)
        connections.close_all()

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 300
    assert set(Step.objects.values_list("status", "failures")) == {("ready", 1)}


def test_a_task_that_cannot_be_mended_holds_back_no_other_of_its_batch(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    outage(principal, tasks=5, steps_each=2)
    broken = Task.objects.order_by("id").first()
    assert broken is not None
    update = taking_back._update

    def failing(step_ids: Any) -> Any:
        if Step.objects.filter(id__in=step_ids, task=broken).exists():
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1/0")
        return update(step_ids)

    monkeypatch.setattr(taking_back, "_update", failing)
    assert recover().steps == 8
    assert set(Step.objects.filter(task=broken).values_list("status", flat=True)) == {"running"}
