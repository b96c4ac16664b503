"""Tasks, their steps, their events. Constraints only: services change rows, selectors read them."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from agents.models import Session
from agents.types import AskedBy
from orchestration.strategy_models import AnswerFeedback, RouteRecord, WorkflowTemplate
from orchestration.types import (
    PRIORITY_RANK,
    STEP_OPEN,
    TASK_TERMINAL,
    ApprovalStatus,
    MissedRunPolicy,
    OnDependencyFailure,
    OverlapPolicy,
    Priority,
    RunOutcome,
    ScheduleStatus,
    StepKind,
    StepStatus,
    TaskStatus,
)
from policy.models import Tenant
from shannon_project.foundation.ids import uuid7

__all__ = [
    "AnswerFeedback",
    "Approval",
    "Event",
    "IdempotencyRecord",
    "RouteRecord",
    "Schedule",
    "ScheduleRun",
    "Step",
    "Task",
    "WorkerPresence",
    "WorkflowTemplate",
]


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


class Approval(models.Model):
    """A question to a person, on which a step waits, or a whole task before its first step (`step` empty)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="approvals")
    step = models.ForeignKey(Step, on_delete=models.CASCADE, null=True, blank=True, related_name="approvals")
    position = models.PositiveIntegerField(null=True, blank=True, help_text="Place in the step's journal.")
    action = models.CharField(max_length=64, help_text="What would be done, for example tool.call.")
    message = models.TextField(help_text="The question.")
    subject = models.JSONField(default=dict, help_text="What the question is about.")
    context = models.JSONField(default=dict, help_text="More for the person to see; cut short when large.")
    modifiable = models.JSONField(default=list, help_text="Keys of the subject that the decision may change.")
    requested_by = models.CharField(max_length=16, choices=[(a.value, a.value) for a in AskedBy])
    status = models.CharField(
        max_length=16, default=ApprovalStatus.PENDING, choices=[(s.value, s.value) for s in ApprovalStatus]
    )
    approve_by_default = models.BooleanField(default=False, help_text="The verdict when nobody decides in time.")
    expires_at = models.DateTimeField(help_text="From then on the default holds.")
    decided_by = models.CharField(max_length=128, blank=True)
    feedback = models.TextField(blank=True, help_text="What the person said.")
    modified_action = models.JSONField(
        null=True, blank=True, help_text="What the person put in place of the subject's."
    )
    created_at = models.DateTimeField(db_default=Now())
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["step", "position"], name="approval_unique_in_step_journal")
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["expires_at"],
                condition=models.Q(status=ApprovalStatus.PENDING),
                name="approval_pending_by_expiry",
            ),
            models.Index(
                fields=["task"], condition=models.Q(status=ApprovalStatus.PENDING), name="approval_pending_by_task"
            ),
            models.Index(fields=["tenant", "-created_at"], name="approval_by_tenant"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.status}"


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


class WorkerPresence(models.Model):
    """A worker process that takes steps, as it was last heard of: what there is to share."""

    name = models.CharField(max_length=255, primary_key=True, help_text="Node name and process id.")
    threads = models.PositiveIntegerField(help_text="Steps that it runs at once.")
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "worker presences"

    def __str__(self) -> str:
        return self.name


class IdempotencyRecord(models.Model):
    """The first answer to a creating request, so that a retry gets the same one."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    endpoint = models.CharField(max_length=64)
    request_digest = models.CharField(max_length=64)
    task = models.ForeignKey(Task, on_delete=models.CASCADE, null=True, related_name="+")
    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, null=True, related_name="+")
    message_number = models.PositiveIntegerField(null=True, help_text="Of the message to `task` that it made.")
    resource_id = models.UUIDField(null=True, help_text="Of what else it made: a role, say, or a tool.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "endpoint", "key"], name="idempotency_key_unique")
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} {self.key}"
