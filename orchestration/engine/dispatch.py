"""The only place that talks to the broker. A doorbell may be lost, doubled or late; Postgres is the truth."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from uuid import UUID

import redis
import structlog
from celery import chord, current_app, signature
from celery.utils.nodenames import worker_direct
from django.conf import settings
from kombu.exceptions import OperationalError as BrokerError

from orchestration.engine.line import LINE, Turn, broker_client
from orchestration.types import PRIORITY_RANK, Priority
from shannon_project.foundation.messages import messages_together

log = structlog.get_logger(__name__)

CONTROL_QUEUE = "control"
STEPS_QUEUE = "steps"
ADVANCE = "orchestration.jobs.advance"
RUN_STEPS = "orchestration.jobs.run_steps"
ECHO = "orchestration.jobs.echo"
AFTERMATH = "orchestration.jobs.aftermath"
MESSAGES_AT_ONCE = 8
MESSAGES_OF_A_CHORD = 32  # up to so many steps Flower shows each by itself; of more, many share a message
AFTERMATH_EXPIRES_SECONDS = 10.0  # it is rung again while something is due


def ring_advance(
    task_id: UUID,
    tenant_id: UUID,
    *,
    priority: int = PRIORITY_RANK[Priority.NORMAL],
    after_seconds: float = 0.0,
) -> bool:
    """Put a task in line to be advanced and tell a worker. Returns False when the broker is away: recovery will ring.

    Args:
        task_id: The task.
        tenant_id: Whose it is: tenants are served in turn.
        priority: Its place among its tenant's.
        after_seconds: When it comes into line; at once by default.
    """
    if after_seconds > 0:
        return _advance_send(str(task_id), str(tenant_id), countdown=after_seconds)
    try:
        LINE.put([Turn(task_id, tenant_id, priority)])
    except redis.RedisError as error:
        log.warning("doorbell_not_rung", task_id=str(task_id), error=str(error))
        return False
    return _advance_send(str(task_id))


def ring_advances(turns: Sequence[Turn]) -> bool:
    """Put many tasks in line. A few messages do: whoever takes one serves all who are in line."""
    try:
        added = LINE.put(turns)
    except redis.RedisError as error:
        log.warning("doorbells_not_rung", tasks=len(turns), error=str(error))
        return False
    return all(_advance_send(str(turn.task_id)) for turn in turns[: min(added, MESSAGES_AT_ONCE)])


def ring_line(task_id: UUID) -> bool:
    """Tell a worker that somebody is in line; the task's id is for people who look at the message."""
    return _advance_send(str(task_id))


def _advance_send(*args: str, countdown: float = 0.0) -> bool:
    try:
        # the name, not the function: jobs.py imports the engine, so the engine cannot import jobs.py
        with messages_together():
            doorbell = signature(ADVANCE, args=args, immutable=True)
            doorbell.apply_async(countdown=countdown, retry=False, ignore_result=True)
    except (BrokerError, redis.RedisError, OSError) as error:
        log.warning("doorbell_not_rung", task_id=args[0], error=str(error))
        return False
    return True


def ring_steps(task_id: UUID, tenant_id: UUID, first_step_ids: Sequence[UUID]) -> bool:
    """Dispatch one chord: a drainer per first step, and `advance` as its body. Returns False if the broker is away.

    A wide one has few messages, each of them for many drainers (`crew.py`). The body comes by itself, so its task is
    not in line before: it is put there by whoever gets the message.
    """
    header = [
        signature(RUN_STEPS, args=(str(task_id),), kwargs=_steps_of(some), immutable=True)
        for some in dealt(first_step_ids, MESSAGES_OF_A_CHORD)
    ]
    body = signature(ADVANCE, args=(str(task_id), str(tenant_id)), immutable=True)
    try:
        broker_client().ping()  # gives up after two seconds, where a chord waits for a silent broker again and again
        with messages_together():
            chord(header, app=current_app)(body, retry=False)
    except (BrokerError, redis.RedisError, OSError, RuntimeError) as error:  # RuntimeError: Celery's backend gave up
        log.warning("chord_not_dispatched", task_id=str(task_id), error=str(error))
        return False
    return True


def dealt(step_ids: Sequence[UUID], messages: int) -> list[Sequence[UUID]]:
    """Return the steps in their order, in at most so many parts, which differ by one step at most."""
    parts = min(len(step_ids), messages)
    ends = [len(step_ids) * number // parts for number in range(parts + 1)] if parts else [0]
    return [step_ids[begin:end] for begin, end in pairwise(ends)]


def _steps_of(step_ids: Sequence[UUID]) -> dict[str, Any]:
    first, *others = map(str, step_ids)
    return {"first": first, "others": others} if others else {"first": first}


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


def queued_messages(queues: Sequence[str] | None = None) -> int | None:
    """Return how many messages wait in queues of the broker (None: all of ours), or None when it does not answer."""
    try:
        return sum(int(broker_client().llen(queue)) for queue in queues or settings.SHANNON_QUEUES)
    except redis.RedisError as error:
        log.warning("broker_unreachable", error=str(error))
        return None
