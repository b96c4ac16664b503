"""Requests that are made again and again, and their runs."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from orchestration.models.tasks import Task
from orchestration.types import MissedRunPolicy, OverlapPolicy, RunOutcome, ScheduleStatus
from policy.models import Tenant
from shannon_project.foundation.ids import uuid7


class Schedule(models.Model):
    """A request that is made again and again. `next_run_at` is the truth; beat only rings."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    principal = models.JSONField(help_text="Who made it, as `Principal.as_json()`: its runs act in this name.")
    user_id = models.CharField(max_length=128)
    name = models.CharField(max_length=128)
    description = models.CharField(max_length=1000, blank=True)
    cron_expression = models.CharField(max_length=128)
    timezone = models.CharField(max_length=64, default="UTC")
    query = models.TextField()
    context = models.JSONField(default=dict)
    max_budget_usd = models.DecimalField(
        max_digits=18, decimal_places=9, null=True, blank=True, help_text="Budget of one run. Empty: a task's own."
    )
    timeout_seconds = models.PositiveIntegerField(null=True, blank=True, help_text="Of one run. Empty: a task's own.")
    overlap_policy = models.CharField(
        max_length=8, default=OverlapPolicy.SKIP, choices=[(policy, policy) for policy in OverlapPolicy]
    )
    missed_run_policy = models.CharField(
        max_length=8, default=MissedRunPolicy.SKIP, choices=[(policy, policy) for policy in MissedRunPolicy]
    )
    status = models.CharField(max_length=8, default=ScheduleStatus.ACTIVE, choices=[(s, s) for s in ScheduleStatus])
    paused_at = models.DateTimeField(null=True, blank=True)
    pause_reason = models.CharField(max_length=500, blank=True)
    next_run_at = models.DateTimeField(null=True, blank=True, help_text="Empty: it is not active.")
    last_run_at = models.DateTimeField(null=True, blank=True)
    periodic_task = models.OneToOneField(
        "django_celery_beat.PeriodicTask", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-created_at"]),
            models.Index(fields=["next_run_at"], condition=models.Q(status=ScheduleStatus.ACTIVE), name="schedule_due"),
        ]

    def __str__(self) -> str:
        return self.name


class ScheduleRun(models.Model):
    """One time at which a schedule was due, and what became of it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="runs")
    due_at = models.DateTimeField()
    triggered_at = models.DateTimeField(db_default=Now())
    outcome = models.CharField(max_length=8, choices=[(outcome, outcome) for outcome in RunOutcome])
    reason = models.CharField(max_length=500, blank=True)
    task = models.OneToOneField(Task, on_delete=models.SET_NULL, null=True, blank=True, related_name="schedule_run")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["schedule", "due_at"], name="schedule_run_once")]
        indexes: ClassVar = [
            models.Index(
                fields=["schedule", "due_at"], condition=models.Q(outcome=RunOutcome.QUEUED), name="run_queued"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.schedule_id} {self.due_at:%Y-%m-%d %H:%M} {self.outcome}"
