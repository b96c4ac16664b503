"""Months of events, journal and blobs: made ahead, dropped when they are too old."""

from dataclasses import dataclass
from datetime import date
from typing import Final

import structlog
from django.conf import settings

from agents.services import month_tables
from orchestration.models import Task
from orchestration.types import TASK_TERMINAL
from shannon_project.foundation.partitions import (
    MonthKey,
    MonthTable,
    month_after,
    month_current,
    month_of_uuid7,
    months_drop,
    months_make,
)

log = structlog.get_logger(__name__)

EVENTS: Final = MonthTable("orchestration_event", "task_id", MonthKey.UUID7)


@dataclass(frozen=True, slots=True)
class Kept:
    """What one pass did: names of partitions."""

    made: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


def months_keep() -> Kept:
    """Make the months to come and drop those that ended `SHANNON_RETENTION_MONTHS` ago; 0 keeps all.

    A month is dropped whole, by dropping a table: no row is deleted. No month since which a task is open is dropped.
    Any process may run it at any time; where a table is busy, the next pass tries again.
    """
    tables = (EVENTS, *month_tables())
    made = [name for table in tables for name in months_make(table, ahead=settings.SHANNON_MONTHS_AHEAD)]
    before = _droppable_before()
    dropped = [] if before is None else [name for table in tables for name in months_drop(table, before=before)]
    if made or dropped:
        log.info("months_kept", made=made, dropped=dropped)
    return Kept(tuple(made), tuple(dropped))


def _droppable_before() -> date | None:
    if not settings.SHANNON_RETENTION_MONTHS:
        return None
    before = month_after(month_current(), -settings.SHANNON_RETENTION_MONTHS)
    oldest_open = Task.objects.exclude(status__in=TASK_TERMINAL).order_by("id").values_list("id", flat=True).first()
    return before if oldest_open is None else min(before, month_of_uuid7(oldest_open))
