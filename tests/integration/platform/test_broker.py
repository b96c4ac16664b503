"""How workers take messages from the broker, and what they tell Flower of them."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
import redis
from django.conf import settings
from kombu.asynchronous import Hub

from shannon_project.celery import celery_app
from shannon_project.foundation.ids import uuid7
from shannon_project.foundation.job_events import EVENTS_MAX, EventsTogether

PATIENCE_SECONDS: Final = 60.0


@pytest.fixture
def broker() -> Iterator[Any]:
    """A client of the broker."""
    client = redis.Redis.from_url(settings.CELERY_BROKER_URL)
    yield client
    client.close()


def test_what_a_worker_did_not_begin_is_put_back_when_it_stops(broker: Any) -> None:
    name = f"test-{uuid7()}"
    with celery_app.connection_for_write() as connection, connection.SimpleQueue(name) as queue:
        queue.put({"number": 1})
        queue.put({"number": 2})
        queue.get(timeout=PATIENCE_SECONDS).ack()
        held = queue.get(timeout=PATIENCE_SECONDS)
        assert (held.payload, broker.llen(name)) == ({"number": 2}, 0)
        assert not broker.hexists("unacked", held.delivery_tag), "it is in this process only"
    with celery_app.connection_for_write() as connection, connection.SimpleQueue(name) as queue:
        again = queue.get(timeout=PATIENCE_SECONDS)
        again.ack()
        assert again.payload == {"number": 2}
    assert broker.llen(name) == 0


class Dispatcher:
    """Celery's sender of events, as far as the step knows it."""

    def __init__(self) -> None:
        self.on_send_buffered: Any = object()
        self.buffer_limit = 24
        self.flushes = 0

    def flush(self) -> None:
        """Count."""
        self.flushes += 1


class Consumer:
    """A worker's consumer with a loop that nobody runs: its timer is asked by the test."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.timer = self.hub.timer
        self.event_dispatcher = Dispatcher()


def test_events_of_jobs_are_kept_back_and_sent_at_intervals() -> None:
    consumer = Consumer()
    step = EventsTogether(consumer)
    step.start(consumer)
    dispatcher = consumer.event_dispatcher
    assert (dispatcher.on_send_buffered, dispatcher.buffer_limit) == (None, EVENTS_MAX)
    entry: Any = consumer.timer.queue[0].entry
    entry()
    is_ended_before = entry.canceled
    step.stop(consumer)
    assert (dispatcher.flushes, is_ended_before, entry.canceled) == (1, False, True)
    consumer.hub.close()


def test_a_worker_has_the_step_that_keeps_events_back() -> None:
    assert EventsTogether in celery_app.steps["consumer"]
