"""The only place that talks to the broker. A doorbell may be lost, doubled or late; Postgres is the truth."""

from collections.abc import Sequence
from functools import cache
from uuid import UUID

import redis
import structlog
from celery import chord, current_app, signature
from celery.utils.nodenames import worker_direct
from django.conf import settings
from kombu.exceptions import OperationalError as BrokerError

log = structlog.get_logger(__name__)

ADVANCE = "orchestration.jobs.advance"
RUN_STEPS = "orchestration.jobs.run_steps"
ECHO = "orchestration.jobs.echo"
AFTERMATH = "orchestration.jobs.aftermath"
AFTERMATH_EXPIRES_SECONDS = 10.0  # it is rung again while something is due


def ring_advance(task_id: UUID, *, after_seconds: float = 0.0) -> bool:
    """Ask a worker to advance the task. Returns False when the broker did not take it: the recoverer will ring."""
    try:
        # the name, not the function: jobs.py imports the engine, so the engine cannot import jobs.py
        signature(ADVANCE, args=(str(task_id),), immutable=True).apply_async(
            countdown=after_seconds, retry=False, ignore_result=True
        )
    except (BrokerError, redis.RedisError, OSError) as error:
        log.warning("doorbell_not_rung", task_id=str(task_id), error=str(error))
        return False
    return True


def ring_steps(task_id: UUID, first_step_ids: Sequence[UUID]) -> bool:
    """Dispatch one chord: a drainer per first step, and `advance` as its body. Returns False if the broker is away."""
    header = [
        signature(RUN_STEPS, args=(str(task_id),), kwargs={"first": str(step_id)}, immutable=True)
        for step_id in first_step_ids
    ]
    body = signature(ADVANCE, args=(str(task_id),), immutable=True)
    try:
        chord(header, app=current_app)(body, retry=False)
    except (BrokerError, redis.RedisError, OSError, RuntimeError) as error:  # RuntimeError: Celery's backend gave up
        log.warning("chord_not_dispatched", task_id=str(task_id), error=str(error))
        return False
    return True


def ring_echo(node_name: str, *, expires_seconds: float) -> bool:
    """Send a worker a message through its own queue, by which it learns whether it still hears the broker."""
    try:
        signature(ECHO, immutable=True).apply_async(
            queue=worker_direct(node_name), expires=expires_seconds, retry=False, ignore_result=True
        )
    except (BrokerError, redis.RedisError, OSError) as error:
        log.warning("echo_not_rung", node_name=node_name, error=str(error))
        return False
    return True


def ring_aftermath() -> bool:
    """Ask a worker to see to what ended tasks left. Returns False when the broker did not take it: rung again soon."""
    try:
        signature(AFTERMATH, immutable=True).apply_async(
            expires=AFTERMATH_EXPIRES_SECONDS, retry=False, ignore_result=True
        )
    except (BrokerError, redis.RedisError, OSError) as error:
        log.warning("aftermath_not_rung", error=str(error))
        return False
    return True


def queued_messages() -> int | None:
    """Return how many doorbells wait in the broker, or None when it does not answer."""
    try:
        return sum(int(_broker().llen(queue)) for queue in settings.SHANNON_QUEUES)
    except redis.RedisError as error:
        log.warning("broker_unreachable", error=str(error))
        return None


@cache
def _broker() -> "redis.Redis":
    return redis.Redis.from_url(settings.CELERY_BROKER_URL, socket_connect_timeout=1.0, socket_timeout=2.0)
