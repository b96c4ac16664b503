"""Tasks, their steps, their events."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from agents.models import Session
from orchestration.types import (
    PRIORITY_RANK,
    STEP_OPEN,
    TASK_TERMINAL,
    OnDependencyFailure,
    Priority,
    StepKind,
    StepStatus,
    TaskStatus,
)
from policy.models import Tenant
from shannon_project.foundation.ids import uuid7


class Task(models.Model):
    """What a user submitted. The id is `task_id` and `workflow_id` of the API."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="tasks")
    principal = models.JSONField(help_text="Who submitted it, as `Principal.as_json()`: steps act in this name.")
    user_id = models.CharField(max_length=128)
    query = models.TextField()
    context = models.JSONField(default=dict)
    mode = models.CharField(max_length=32, blank=True, help_text="What the request asked for; empty: chosen here.")
    strategy = models.CharField(max_length=32)
    parameters = models.JSONField(default=dict, help_text="What the strategy and its steps were given.")
    status = models.CharField(max_length=16, default=TaskStatus.QUEUED, choices=[(s, s) for s in TaskStatus])
    status_reason = models.CharField(max_length=500, blank=True)
    status_changed_by = models.CharField(max_length=128, blank=True)
    concurrency_limit = models.PositiveSmallIntegerField()
    priority = models.PositiveSmallIntegerField(
        default=PRIORITY_RANK[Priority.NORMAL],
        choices=[(rank, priority.value) for priority, rank in PRIORITY_RANK.items()],
        help_text="Which of its tenant's tasks goes first when they wait for workers.",
    )
    deadline_at = models.DateTimeField()
    event_seq = models.PositiveIntegerField(default=0, help_text="Number of the last event; events have no gaps.")
    result = models.TextField(null=True, blank=True)  # noqa: DJ001 - None is "not finished", "" an empty answer
    result_metadata = models.JSONField(default=dict)
    error = models.JSONField(null=True, blank=True)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    model_calls = models.PositiveIntegerField(default=0)
    tool_calls = models.PositiveIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=18, decimal_places=9, default=0)
    cost_is_complete = models.BooleanField(default=True, help_text="False when the price of a call was unknown.")
    model_used = models.CharField(max_length=128, blank=True)
    provider = models.CharField(max_length=64, blank=True)
    waits_since = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Since when it has steps ready and no worker to give them to; empty: it has not.",
    )
    doorbell_at = models.DateTimeField(null=True, blank=True, help_text="When the broker was last told of this task.")
    schedule = models.ForeignKey(
        "Schedule", on_delete=models.SET_NULL, null=True, blank=True, related_name="tasks", help_text="What began it."
    )
    forked_from = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="forks", help_text="The task it repeats."
    )
    forked_from_step = models.CharField(max_length=128, blank=True, help_text="Key of the first step made anew.")
    forked_from_position = models.PositiveIntegerField(
        null=True, blank=True, help_text="That step's journal was copied below this position; empty: not at all."
    )
    traceparent = models.CharField(
        max_length=55,
        blank=True,
        default="",
        db_default="",
        help_text="W3C trace context of its submission; empty: traces were off.",
    )
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(db_default=Now())
    completed_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True, help_text="Since when it is paused; empty: it is not.")
    message_count = models.PositiveIntegerField(default=0, help_text="Messages that people sent while it ran.")
    clock_stopped_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when its deadline stands still: it is paused or waits for a person."
    )
    aftermath_due = models.BooleanField(
        db_default=False,
        help_text="It has ended, and its answer is still to be remembered or its outcome learned from.",
    )

    feedback_count = models.PositiveSmallIntegerField(db_default=0, help_text="People who said how good the answer is.")
    feedback_score = models.FloatField(
        null=True, blank=True, help_text="The mean of what they said, from 0 to 1; empty: nobody did."
    )
    learned = models.JSONField(
        null=True,
        blank=True,
        help_text="What the router has learned from it, as `Learned.as_json()`; empty: nothing.",
    )

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-created_at"]),
            models.Index(fields=["session", "-created_at"]),
            models.Index(fields=["completed_at"], condition=models.Q(aftermath_due=True), name="task_aftermath_due"),
            models.Index(
                fields=["doorbell_at"], condition=~models.Q(status__in=sorted(TASK_TERMINAL)), name="task_open_doorbell"
            ),
            models.Index(
                fields=["tenant", "priority", "waits_since"],
                condition=models.Q(status=TaskStatus.RUNNING, waits_since__isnull=False),
                name="task_waiting_by_tenant",
            ),
            models.Index(
                fields=["tenant"], condition=~models.Q(status__in=sorted(TASK_TERMINAL)), name="task_open_by_tenant"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.status}"


class Step(models.Model):
    """One durable unit of a task's work. `attempt` is the fencing token."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="steps")
    key = models.CharField(max_length=128)
    position = models.PositiveIntegerField(help_text="Order of making within the task, from 0.")
    kind = models.CharField(max_length=16, choices=[(k, k) for k in StepKind])
    title = models.CharField(max_length=300)
    input = models.JSONField(default=dict)
    depends_on = models.JSONField(default=list, help_text="Keys of the steps that must have ended before.")
    open_dependencies = models.PositiveIntegerField(default=0)
    on_dependency_failure = models.CharField(
        max_length=8, default=OnDependencyFailure.SKIP, choices=[(o, o) for o in OnDependencyFailure]
    )
    status = models.CharField(max_length=16, choices=[(s, s) for s in StepStatus])
    attempt = models.PositiveIntegerField(default=0, help_text="Fencing token: only ever grows.")
    failures = models.PositiveSmallIntegerField(default=0, help_text="Attempts that failed or lost their worker.")
    lease_owner = models.CharField(max_length=128, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True, help_text="A retry waits until then.")
    ready_at = models.DateTimeField(
        null=True, blank=True, help_text="When it last became claimable; empty: when it was made, or not yet."
    )
    rung_at = models.DateTimeField(null=True, blank=True, help_text="When a drainer was last sent to begin with it.")
    output = models.JSONField(null=True, blank=True)
    error = models.JSONField(null=True, blank=True)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    model_calls = models.PositiveIntegerField(default=0)
    tool_calls = models.PositiveIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=18, decimal_places=9, null=True, default=0)
    copied_from = models.UUIDField(
        null=True, blank=True, help_text="The other task's step whose outcome this is; nothing was paid for it here."
    )
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["task", "key"], name="step_key_unique_in_task")]
        indexes: ClassVar = [
            models.Index(
                fields=["task", "position"], condition=models.Q(status=StepStatus.READY), name="step_ready_by_task"
            ),
            models.Index(
                fields=["lease_until"], condition=models.Q(status=StepStatus.RUNNING), name="step_running_by_lease"
            ),
            models.Index(fields=["task"], condition=models.Q(status=StepStatus.RUNNING), name="step_running_by_task"),
            models.Index(
                fields=["rung_at"],
                condition=models.Q(status=StepStatus.READY, rung_at__isnull=False),
                name="step_rung_not_begun",
            ),
            models.Index(fields=["task"], condition=models.Q(status=StepStatus.BLOCKED), name="step_blocked_by_task"),
            models.Index(fields=["task"], condition=models.Q(status__in=sorted(STEP_OPEN)), name="step_open_by_task"),
        ]

    def __str__(self) -> str:
        return f"{self.task_id}/{self.key} {self.status}"


class Event(models.Model):
    """One thing that happened in a task; `seq` runs from 1 without gaps.

    The table is partitioned by month, by the time in `task_id`: all events of a task lie together.
    """

    task = models.ForeignKey(  # whoever inserts holds the task's row lock: to check the key again would cost as much
        Task, on_delete=models.CASCADE, related_name="events", db_index=False, db_constraint=False
    )
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=32)
    step_key = models.CharField(max_length=128, blank=True)
    agent_id = models.CharField(max_length=128, blank=True)
    message = models.TextField(blank=True)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["task", "seq"], name="event_seq_unique_in_task")]

    def __str__(self) -> str:
        return f"{self.task_id}#{self.seq} {self.kind}"
