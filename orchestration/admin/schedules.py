"""Schedules and their runs; who is signed in may pause and resume them here."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import TabularInline

from orchestration.admin.base import cut_short
from orchestration.console.people import staff_principal
from orchestration.models import Schedule, ScheduleRun
from orchestration.schedules.writing import schedule_pause, schedule_resume
from orchestration.types import ScheduleStatus
from shannon_project.foundation.admin import ReadOnlyAdmin


class RunInline(TabularInline):  # type: ignore[misc]
    """What became of a schedule's times, newest first."""

    model = ScheduleRun
    fields = ("due_at", "triggered_at", "outcome", "reason", "task")
    readonly_fields = fields
    ordering = ("-due_at",)
    extra = 0
    max_num = 0
    can_delete = False
    tab = True
    per_page = 50

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        """Runs are the engine's."""
        return False


@admin.register(Schedule)
class ScheduleAdmin(ReadOnlyAdmin):
    """What is asked again and again."""

    list_display = (
        "name",
        "short_query",
        "cron_expression",
        "timezone",
        "status",
        "tenant",
        "next_run_at",
        "last_run_at",
    )
    list_filter = ("status", "tenant")
    list_select_related = ("tenant",)
    search_fields = ("name", "query")
    search_ids = ("id",)
    ordering = ("-created_at",)
    exclude = ("principal", "periodic_task")
    inlines = (RunInline,)
    actions = ("pause", "resume")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Schedule]":
        """Deleted ones are kept for their runs, and not shown."""
        rows: QuerySet[Schedule] = super().get_queryset(request)
        return rows.exclude(status=ScheduleStatus.DELETED)

    @admin.display(description="Request", ordering="query")
    def short_query(self, schedule: Schedule) -> str:
        """The request's first words."""
        return cut_short(schedule.query)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whoever may change schedules may pause and resume them."""
        return request.user.has_perm("orchestration.change_schedule")

    @admin.action(description="Pause the selected schedules", permissions=["operate"])
    def pause(self, request: HttpRequest, queryset: "QuerySet[Schedule]") -> None:
        """Begin no more runs of them."""
        changed = sum(
            schedule_pause(
                principal=staff_principal(request, row.tenant_id), schedule_id=row.id, reason="In the admin."
            )
            for row in queryset
        )
        self.message_user(request, f"{changed} schedules paused.")

    @admin.action(description="Resume the selected schedules", permissions=["operate"])
    def resume(self, request: HttpRequest, queryset: "QuerySet[Schedule]") -> None:
        """Go on with their next times."""
        changed = sum(
            schedule_resume(principal=staff_principal(request, row.tenant_id), schedule_id=row.id) for row in queryset
        )
        self.message_user(request, f"{changed} schedules resumed.")


@admin.register(ScheduleRun)
class ScheduleRunAdmin(ReadOnlyAdmin):
    """Every time at which a schedule was due."""

    list_display = ("schedule", "due_at", "outcome", "reason", "task")
    list_filter = ("outcome",)
    list_select_related = ("schedule", "task")
    ordering = ("-due_at",)
