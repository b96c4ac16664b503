"""A schedule's row in django-celery-beat: beat rings at the right moment, nothing depends on it."""

import json
from typing import Final

from django_celery_beat.models import CrontabSchedule, PeriodicTask

from orchestration.models import Schedule
from orchestration.schedules.cron import beat_fields
from orchestration.types import ScheduleStatus

FIRE: Final = "orchestration.jobs.schedule_fire"
EXPIRE_SECONDS: Final = 60  # a doorbell that comes so late is not needed: upkeep has found the run meanwhile


def beat_write(schedule: Schedule) -> None:
    """Make beat ring for the schedule as it is now, or not at all when it is paused. The caller's transaction."""
    crontab, _ = CrontabSchedule.objects.get_or_create(
        **beat_fields(schedule.cron_expression), timezone=schedule.timezone
    )
    row, _ = PeriodicTask.objects.update_or_create(
        name=f"schedule {schedule.id}",
        defaults={
            "task": FIRE,
            "args": json.dumps([str(schedule.id)]),
            "crontab": crontab,
            "enabled": schedule.status == ScheduleStatus.ACTIVE,
            "expire_seconds": EXPIRE_SECONDS,
            "description": schedule.name,
        },
    )
    if schedule.periodic_task_id != row.id:
        Schedule.objects.filter(id=schedule.id).update(periodic_task=row)


def beat_forget(schedule: Schedule) -> None:
    """Take the schedule's row out of beat."""
    for row in PeriodicTask.objects.filter(name=f"schedule {schedule.id}"):
        row.delete()  # one by one: its signal tells beat that something changed
