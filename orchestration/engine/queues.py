"""How deep and how old each tenant's queue is, for the metrics. The number of labels is bounded."""

import time
from typing import Final

from django.conf import settings
from django.db import connection

from orchestration.metrics import QUEUE_AGE_SECONDS, QUEUE_STEPS, QUEUE_TASKS, QUEUE_TASKS_NOT_BEGUN, WORKER_THREADS

OTHERS: Final = "(others)"  # no tenant's slug may have brackets

_MEASURE: Final = """
    WITH named AS (
        SELECT id, CASE WHEN row_number() OVER (ORDER BY created_at, id) <= %(labels)s THEN slug ELSE %(others)s END
            AS label
        FROM policy_tenant
    ), tasks AS (
        SELECT tenant_id, count(*) AS open,
            count(*) FILTER (WHERE status = 'QUEUED' AND clock_stopped_at IS NULL) AS not_begun,
            min(GREATEST(created_at, (SELECT max(a.decided_at) FROM orchestration_approval a WHERE a.task_id = t.id)))
                FILTER (WHERE status = 'QUEUED' AND clock_stopped_at IS NULL) AS not_begun_since
        FROM orchestration_task t WHERE NOT (status IN ('CANCELLED', 'COMPLETED', 'FAILED', 'TIMEOUT')) GROUP BY 1
    ), steps AS (
        SELECT t.tenant_id, count(*) AS ready,
            min(COALESCE(GREATEST(s.ready_at, s.not_before), s.created_at)) AS ready_since
        FROM orchestration_step s JOIN orchestration_task t ON t.id = s.task_id
        WHERE s.status = 'ready' AND t.status = 'RUNNING' AND (s.not_before IS NULL OR s.not_before <= now()) GROUP BY 1
    )
    SELECT n.label, COALESCE(sum(t.open), 0), COALESCE(sum(s.ready), 0),
        COALESCE(sum(t.not_begun), 0),
        COALESCE(extract(epoch FROM now() - min(LEAST(s.ready_since, t.not_begun_since))), 0),
        (SELECT COALESCE(sum(threads), 0) FROM orchestration_workerpresence
         WHERE seen_at > now() - make_interval(secs => %(gone)s))
    FROM named n LEFT JOIN tasks t ON t.tenant_id = n.id LEFT JOIN steps s ON s.tenant_id = n.id GROUP BY 1
"""


def queues_measure() -> None:
    """Measure every queue once. One query; tenants beyond `SHANNON_METRICS_TENANTS_MAX` are counted together."""
    with connection.cursor() as cursor:
        cursor.execute(
            _MEASURE,
            {
                "labels": settings.SHANNON_METRICS_TENANTS_MAX,
                "others": OTHERS,
                "gone": settings.SHANNON_PRESENCE_SECONDS * 3,
            },
        )
        for label, tasks, steps, not_begun, age_seconds, threads in cursor.fetchall():
            QUEUE_TASKS.labels(tenant=label).set(tasks)
            QUEUE_TASKS_NOT_BEGUN.labels(tenant=label).set(not_begun)
            QUEUE_STEPS.labels(tenant=label).set(steps)
            QUEUE_AGE_SECONDS.labels(tenant=label).set(float(age_seconds))
            WORKER_THREADS.set(threads)


class Measuring:
    """Measures at most every `SHANNON_QUEUE_MEASURE_SECONDS`, however often it is asked to."""

    def __init__(self) -> None:
        self._next_seconds = 0.0

    def maybe(self) -> bool:
        """Measure if it is time; returns whether it was."""
        now_seconds = time.monotonic()
        if now_seconds < self._next_seconds:
            return False
        self._next_seconds = now_seconds + settings.SHANNON_QUEUE_MEASURE_SECONDS
        queues_measure()
        return True


MEASURING = Measuring()
