"""Many agents in one process: threads are cheap while they wait, connections are not, so they share a few."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection, connections
from pytest_django import Settings

from agents.llm.fake import FakeGateway
from agents.llm.types import ModelReply
from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.models import Step
from orchestration.services import task_submit
from orchestration.types import StepStatus, TaskRequest
from policy.types import Principal
from tests.integration.orchestration.playing import principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)

AGENTS = 200


class MeetingGateway(FakeGateway):
    """A model that answers nobody before everybody has asked."""

    everybody = threading.Barrier(AGENTS)
    while_all_wait: Callable[[], None]

    def complete(self, *args: Any, **kwargs: Any) -> ModelReply:
        """Wait for the others, then answer."""
        if self.everybody.wait(timeout=60) == 0:
            type(self).while_all_wait()
        self.everybody.wait(timeout=60)
        return super().complete(*args, **kwargs)


def database_time() -> datetime:
    """Return what the database's clock shows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def clients_of_postgres(*, since: datetime) -> list[tuple[Any, ...]]:
    """Return the connections to this run's database over which anything was asked since then, the one of this included.

    One that an earlier test of this process has left open and idle is not of those that are looked at.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid, state, backend_start, query FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_type = 'client backend' AND query_start >= %s",
            [since],
        )
        return list(cursor.fetchall())


def test_two_hundred_agents_at_once_share_the_pools_connections(principal: Principal, settings: Settings) -> None:
    settings.SHANNON_MODEL_GATEWAY = f"{__name__}.MeetingGateway"
    request = TaskRequest(query="Who are you?", mode="simple")
    task_ids = [task_submit(principal=principal, request=request).task.id for _ in range(AGENTS)]
    for task_id in task_ids:
        task_advance(task_id)
    pool_size = django_settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"]
    began_at = database_time()
    seen: dict[str, Any] = {}

    def look() -> None:
        seen["at work"] = Step.objects.filter(status=StepStatus.RUNNING).count()
        seen["connections"] = clients_of_postgres(since=began_at)
        connections.close_all()

    MeetingGateway.while_all_wait = staticmethod(look)

    def work(task_id: Any) -> int:
        try:
            return drain(task_id, first=None)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(AGENTS) as threads:
        assert sum(threads.map(work, task_ids)) == AGENTS
    assert seen["at work"] == AGENTS
    assert len(seen["connections"]) <= pool_size, seen["connections"]
    assert set(Step.objects.filter(task_id__in=task_ids).values_list("status", "attempt")) == {("succeeded", 1)}
