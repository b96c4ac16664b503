"""Many agents in one process: threads are cheap while they wait, connections are not, so they share a few."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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


def clients_of_postgres() -> int:
    """Count the connections of clients to this run's database, the one that asks included."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])


def test_two_hundred_agents_at_once_share_the_pools_connections(principal: Principal, settings: Settings) -> None:
    settings.SHANNON_MODEL_GATEWAY = f"{__name__}.MeetingGateway"
    request = TaskRequest(query="Who are you?", mode="simple")
    task_ids = [task_submit(principal=principal, request=request).task.id for _ in range(AGENTS)]
    for task_id in task_ids:
        task_advance(task_id)
    pool_size = django_settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"]
    seen: dict[str, int] = {}

    def look() -> None:
        seen["at work"] = Step.objects.filter(status=StepStatus.RUNNING).count()
        # a backend whose client has left, one of an earlier test too, is counted until it has ended
        end = time.monotonic() + 30
        while (found := clients_of_postgres()) > pool_size and time.monotonic() < end:
            threading.Event().wait(0.05)
        seen["connections"] = found
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
    assert seen["connections"] <= pool_size
    assert set(Step.objects.filter(task_id__in=task_ids).values_list("status", "attempt")) == {("succeeded", 1)}
