"""Large results in the engine: references in rows, the whole where it is read, little memory where many are joined."""

import base64
import json
import tracemalloc
from typing import Any

import pytest
import redis
from django.conf import settings
from pytest_django import DjangoAssertNumQueries

from agents.models import Blob, JournalEntry
from agents.services import synthesis_share_characters, value_pack
from orchestration.engine.kinds.noop import NoopKind
from orchestration.engine.kinds.tool import ToolKind
from orchestration.engine.results import results_of
from orchestration.forking import ForkRequest, task_fork
from orchestration.models import Event, Step, Task
from orchestration.services import fanout_submit, tool_execute
from orchestration.types import StepKind, StepOutcome
from policy.types import Principal
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)

LARGE_BYTES = 100_000


def widest(task: Task) -> int:
    """Return the size of the largest value in the task's rows of steps, journal and events."""
    rows: list[Any] = [row for pair in Step.objects.filter(task=task).values_list("input", "output") for row in pair]
    rows += [
        row for pair in JournalEntry.objects.filter(task_id=task.id).values_list("request", "response") for row in pair
    ]
    rows += Event.objects.filter(task=task).values_list("payload", flat=True)
    return max(len(json.dumps(row)) for row in rows)


def test_a_large_output_is_stored_once_and_the_rows_stay_small(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "word " * 40_000
    monkeypatch.setattr(NoopKind, "execute", lambda *_: StepOutcome(output={"text": text}))
    task = play(fanout_submit(principal=principal, width=5, concurrency_limit=2).id)
    assert Blob.objects.count() == 1
    assert widest(task) < 64 * 1024
    results = results_of(
        tenant_id=principal.tenant_id, task_id=task.id, keys=["noop-0", "noop-4"], max_characters=len(text)
    )
    assert [(result.text, result.characters) for result in results] == [(text, len(text))] * 2


def test_a_large_input_reaches_the_step_whole_and_a_fork_of_it_too(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def execute(_: ToolKind, work: Any) -> StepOutcome:
        seen.append(work.step.input["arguments"])
        return StepOutcome(output={"result": {"ok": True, "output": "x" * LARGE_BYTES}})

    monkeypatch.setattr(ToolKind, "execute", execute)
    arguments = {"path": "a.txt", "content": "y" * 200_000}
    submitted = tool_execute(principal=principal, name="file_write", arguments=arguments, session_id=None)
    task = play(submitted.task.id)
    assert task.result is not None
    assert json.loads(task.result)["output"] == "x" * LARGE_BYTES
    assert widest(task) < 64 * 1024
    fork = task_fork(principal=principal, task_id=task.id, request=ForkRequest(from_step_key="tool"))
    play(fork.task.id)
    assert seen == [arguments, arguments]


def test_nothing_large_crosses_the_broker(principal: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    broker = redis.Redis.from_url(settings.CELERY_BROKER_URL)
    broker.delete(*settings.SHANNON_QUEUES)
    text = "unmistakable " * 8_000
    monkeypatch.setattr(NoopKind, "execute", lambda *_: StepOutcome(output={"text": text}))
    task = fanout_submit(principal=principal, width=50, concurrency_limit=20, instruction="", output_bytes=0)
    Task.objects.filter(id=task.id).update(query=text)
    play(task.id)
    tool_execute(principal=principal, name="file_write", arguments={"path": "a", "content": text}, session_id=None)
    messages = [message for queue in settings.SHANNON_QUEUES for message in broker.lrange(queue, 0, -1)]
    assert len(messages) > 3, "submits, drainers and a chord's body were rung for"
    assert max(map(len, messages)) < 8 * 1024
    assert not [message for message in messages if b"unmistakable" in base64.b64decode(json.loads(message)["body"])]


def test_a_join_of_many_large_results_loads_only_what_is_read_of_them(
    principal: Principal, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    count = 200
    task = Task.objects.get(id=fanout_submit(principal=principal, width=1, concurrency_limit=1).id)
    Step.objects.bulk_create(
        Step(
            task=task,
            key=f"agent-{number}",
            position=number,
            kind=StepKind.AGENT,
            title="t",
            status="succeeded",
            output=value_pack(principal.tenant_id, {"text": f"{number:06d}" * (LARGE_BYTES // 6)}),
        )
        for number in range(count)
    )
    keys = [f"agent-{number}" for number in range(count)]
    share = synthesis_share_characters(1000)
    tracemalloc.start()
    with django_assert_num_queries(2):
        results = results_of(tenant_id=principal.tenant_id, task_id=task.id, keys=keys, max_characters=share)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 10 * 1024 * 1024  # all of them together have 20 MB
    assert [result.text[:6] for result in results] == [f"{number:06d}" for number in range(count)]
    assert {(len(result.text), result.characters) for result in results} == {(share, LARGE_BYTES // 6 * 6)}
