"""Bodies, query strings and answers of the schedule endpoints; the names are the official client's."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from rest_framework import serializers

from orchestration.api.serializers.base import ObjectField, OneOfField, StrictSerializer, TextField, WholeNumberField
from orchestration.models import Schedule, ScheduleRun
from orchestration.schedules.reading import RunCounts
from orchestration.schedules.writing import ScheduleSpec
from orchestration.types import MissedRunPolicy, OverlapPolicy, RunOutcome, ScheduleStatus

SPEC_NAMES: Final = {"task_query": "query", "task_context": "context", "max_budget_per_run_usd": "max_budget_usd"}
"""What the client calls the fields of `ScheduleSpec` that have another name here."""
STATUS_OF_RUN: Final = {
    RunOutcome.QUEUED: "QUEUED",
    RunOutcome.SKIPPED: "SKIPPED",
    RunOutcome.REFUSED: "FAILED",
    RunOutcome.STARTED: "DELETED",
}
"""What a run without a task is called; one that began loses its task only when that is deleted."""


USD_MAX: Final = 10**9  # larger numbers are mistakes, and some are too large for arithmetic


class UsdField(serializers.FloatField):
    """A JSON number of dollars."""

    def to_internal_value(self, data: Any) -> Decimal:  # type: ignore[override] # money is exact from here on
        """Return the amount as it was written."""
        if isinstance(data, bool) or not isinstance(data, int | float) or not -USD_MAX < data < USD_MAX:
            self.fail("invalid")
        return round(Decimal(str(super().to_internal_value(data))), 9)


class ScheduleChanges(StrictSerializer):
    """What may be changed; whatever is absent stays."""

    name = TextField(required=False, max_length=128)
    description = TextField(required=False, allow_blank=True, max_length=1000)
    cron_expression = TextField(required=False, max_length=128, help_text="Five fields, for example `0 9 * * 1-5`.")
    timezone = TextField(required=False, max_length=64, help_text="For example Europe/Berlin; UTC unless given.")
    task_query = TextField(required=False, trim_whitespace=False, max_length=settings.SHANNON_QUERY_MAX_CHARS)
    task_context = ObjectField(max_bytes=settings.SHANNON_CONTEXT_MAX_BYTES, required=False)
    max_budget_per_run_usd = UsdField(required=False, allow_null=True, help_text="The budget of each run's task.")
    timeout_seconds = WholeNumberField(required=False, allow_null=True, min_value=1, max_value=10**6)
    overlap_policy = OneOfField(tuple(OverlapPolicy), required=False, help_text="While an earlier run goes on.")
    missed_run_policy = OneOfField(tuple(MissedRunPolicy), required=False, help_text="When nobody could start it.")

    def validate_task_query(self, value: str) -> str:
        """Refuse a request that says nothing."""
        if not value.strip():
            raise serializers.ValidationError("must not be empty")
        return value

    @property
    def spec_values(self) -> dict[str, Any]:
        """The validated fields, named as `ScheduleSpec` names them."""
        values = {SPEC_NAMES.get(name, name): value for name, value in self.validated_data.items()}
        if "overlap_policy" in values:
            values["overlap_policy"] = OverlapPolicy(values["overlap_policy"])
        if "missed_run_policy" in values:
            values["missed_run_policy"] = MissedRunPolicy(values["missed_run_policy"])
        return values


class ScheduleBody(ScheduleChanges):
    """A new schedule."""

    name = TextField(max_length=128)
    cron_expression = TextField(max_length=128, help_text="Five fields, for example `0 9 * * 1-5`.")
    task_query = TextField(trim_whitespace=False, max_length=settings.SHANNON_QUERY_MAX_CHARS)

    @property
    def spec(self) -> ScheduleSpec:
        """The validated body as the service takes it."""
        return ScheduleSpec(**self.spec_values)


class ScheduleUpdateBody(ScheduleChanges):
    """Changes of a schedule."""

    clear_task_context = serializers.BooleanField(required=False, default=False)

    @property
    def changes(self) -> dict[str, Any]:
        """The changes as the service takes them."""
        values = self.spec_values
        if values.pop("clear_task_context"):
            values["context"] = {}
        return values


class PageNumberQuery(StrictSerializer):
    """`page` and `page_size` of a list, as the official client asks for them."""

    page = serializers.IntegerField(default=1, min_value=1, max_value=100_000)
    page_size = serializers.IntegerField(default=20, min_value=1, max_value=100)

    @staticmethod
    def bounds(query: Mapping[str, Any]) -> dict[str, int]:
        """Return `limit` and `offset`."""
        return {"limit": query["page_size"], "offset": (query["page"] - 1) * query["page_size"]}


class ScheduleListQuery(PageNumberQuery):
    """Which schedules are listed."""

    page_size = serializers.IntegerField(default=50, min_value=1, max_value=100)
    status = OneOfField((ScheduleStatus.ACTIVE.value, ScheduleStatus.PAUSED.value), required=False, default=None)


class ScheduleAnswer(serializers.Serializer[Schedule]):
    """A schedule. The serializer's context carries `counts`: what became of its runs, by schedule."""

    schedule_id = serializers.UUIDField(source="id")
    name = serializers.CharField()
    description = serializers.CharField()
    status = serializers.CharField()
    cron_expression = serializers.CharField()
    timezone = serializers.CharField()
    task_query = serializers.CharField(source="query")
    task_context = serializers.JSONField(source="context")
    max_budget_per_run_usd = serializers.FloatField(source="max_budget_usd", allow_null=True)
    timeout_seconds = serializers.IntegerField(allow_null=True)
    overlap_policy = serializers.CharField()
    missed_run_policy = serializers.CharField()
    user_id = serializers.CharField()
    next_run_at = serializers.DateTimeField(allow_null=True)
    last_run_at = serializers.DateTimeField(allow_null=True)
    paused_at = serializers.DateTimeField(allow_null=True)
    pause_reason = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    total_runs = serializers.SerializerMethodField()
    successful_runs = serializers.SerializerMethodField()
    failed_runs = serializers.SerializerMethodField()
    skipped_runs = serializers.SerializerMethodField()

    def _counts(self, schedule: Schedule) -> RunCounts:
        counts: Mapping[UUID, RunCounts] = self.context["counts"]
        return counts.get(schedule.id, RunCounts())

    def get_total_runs(self, schedule: Schedule) -> int:
        """Runs that began or were refused."""
        return self._counts(schedule).total

    def get_successful_runs(self, schedule: Schedule) -> int:
        """Runs whose task was completed."""
        return self._counts(schedule).successful

    def get_failed_runs(self, schedule: Schedule) -> int:
        """Runs whose task failed or ran out of time, or was refused."""
        return self._counts(schedule).failed

    def get_skipped_runs(self, schedule: Schedule) -> int:
        """Times that were due and at which nothing began."""
        return self._counts(schedule).skipped


class SchedulePageAnswer(serializers.Serializer[Any]):
    """A page of schedules, newest first."""

    schedules = ScheduleAnswer(many=True)
    total_count = serializers.IntegerField()


class ScheduleCreatedAnswer(ScheduleAnswer):
    """A schedule that was made."""

    message = serializers.SerializerMethodField()

    def get_message(self, _schedule: Schedule) -> str:
        """One line for a person."""
        return "Schedule created."


class ScheduleControlAnswer(serializers.Serializer[Any]):
    """Whether a schedule changed."""

    success = serializers.BooleanField()
    schedule_id = serializers.UUIDField()
    message = serializers.CharField()


class ScheduleRunAnswer(serializers.Serializer[ScheduleRun]):
    """One time at which a schedule was due. `workflow_id` is empty when nothing began."""

    workflow_id = serializers.SerializerMethodField()
    query = serializers.SerializerMethodField()
    status = serializers.SerializerMethodField()
    due_at = serializers.DateTimeField()
    triggered_at = serializers.DateTimeField()
    result = serializers.CharField(source="task.result", default=None, allow_null=True)
    error_message = serializers.SerializerMethodField()
    model_used = serializers.CharField(source="task.model_used", default="")
    provider = serializers.CharField(source="task.provider", default="")
    total_tokens = serializers.SerializerMethodField()
    total_cost_usd = serializers.FloatField(source="task.cost_usd", default=0.0)
    duration_ms = serializers.SerializerMethodField()
    started_at = serializers.DateTimeField(source="task.started_at", default=None, allow_null=True)
    completed_at = serializers.DateTimeField(source="task.completed_at", default=None, allow_null=True)

    def get_workflow_id(self, run: ScheduleRun) -> str:
        """Its task's id."""
        return str(run.task_id or "")

    def get_query(self, run: ScheduleRun) -> str:
        """What was asked."""
        return run.task.query if run.task else run.schedule.query

    def get_status(self, run: ScheduleRun) -> str:
        """Its task's status; QUEUED, SKIPPED or FAILED when there is none."""
        return run.task.status if run.task else STATUS_OF_RUN[RunOutcome(run.outcome)]

    def get_error_message(self, run: ScheduleRun) -> str | None:
        """Why it failed or did not begin."""
        error = run.task.error if run.task else None
        return str(error["message"]) if error else run.reason or None

    def get_total_tokens(self, run: ScheduleRun) -> int:
        """Prompt and completion tokens together."""
        return run.task.prompt_tokens + run.task.completion_tokens if run.task else 0

    def get_duration_ms(self, run: ScheduleRun) -> int | None:
        """From its beginning to its end; null while it goes on."""
        task = run.task
        if task is None or task.started_at is None or task.completed_at is None:
            return None
        return round((task.completed_at - task.started_at).total_seconds() * 1000)


class ScheduleRunPageAnswer(serializers.Serializer[Any]):
    """A page of runs, newest first."""

    runs = ScheduleRunAnswer(many=True)
    total_count = serializers.IntegerField()
