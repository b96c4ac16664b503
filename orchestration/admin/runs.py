"""Tasks, steps, events."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import display

from orchestration.admin.answers import answers_judge
from orchestration.admin.base import (
    cut_short,
    lineage_links,
)
from orchestration.console.colours import STATUS_COLOURS
from orchestration.console.people import staff_principal
from orchestration.control import task_cancel
from orchestration.models import Event, IdempotencyRecord, Step, Task, WorkerPresence
from orchestration.selectors import forks_of
from orchestration.types import Rating
from shannon_project.foundation.admin import JSON_SHOWN_CHARACTERS, ReadOnlyAdmin, json_shown


class StepInline(TabularInline):  # type: ignore[misc]
    """The steps of a task, in the order in which they were made."""

    model = Step
    fields = ("position", "key", "kind", "title", "status", "attempt", "model_calls", "tool_calls", "cost_usd")
    readonly_fields = fields
    ordering = ("position",)
    extra = 0
    can_delete = False
    show_change_link = True
    tab = True
    max_num = 0
    per_page = 50

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        """Steps are the engine's."""
        return False


@admin.register(Task)
class TaskAdmin(ReadOnlyAdmin):
    """Tasks: what was asked, how it went, what it cost."""

    list_display = (
        "short_query",
        "shown_status",
        "strategy",
        "judged",
        "tenant",
        "tokens",
        "cost",
        "created_at",
        "live",
    )
    list_filter = ("status", "strategy", "tenant", "created_at")
    list_select_related = ("tenant",)
    list_filter_submit = False
    search_fields = ("query",)
    search_ids = ("id",)
    ordering = ("-id",)  # in the order of time, and the table's own
    actions = ("cancel", "call_good", "call_bad")
    inlines = (StepInline,)
    readonly_fields = (
        "events_link",
        "live",
        "source_link",
        "forks_links",
        "shown_result",
        "shown_error",
        "shown_context",
        "shown_parameters",
        "feedback_link",
    )
    fieldsets = (
        ("Request", {"fields": ("query", "tenant", "session", "user_id", "mode", "strategy", "shown_context")}),
        ("How it went", {"fields": ("status", "status_reason", "status_changed_by", "shown_result", "shown_error")}),
        ("Judged", {"fields": ("feedback_link",)}),
        ("Watch", {"fields": ("live", "events_link")}),
        ("Lineage", {"fields": ("source_link", "forked_from_step", "forked_from_position", "forks_links")}),
        (
            "Used",
            {"fields": ("prompt_tokens", "completion_tokens", "cost_usd", "cost_is_complete", "model_calls")},
        ),
        ("Model", {"fields": ("tool_calls", "model_used", "provider", "concurrency_limit", "shown_parameters")}),
        (
            "Times",
            {"fields": ("created_at", "started_at", "completed_at", "deadline_at", "waits_since", "doorbell_at")},
        ),
    )

    @admin.display(description="Request", ordering="query")
    def short_query(self, task: Task) -> str:
        """The beginning of the request."""
        return cut_short(task.query)

    @display(description="Status", ordering="status", label=STATUS_COLOURS)  # type: ignore[untyped-decorator]
    def shown_status(self, task: Task) -> str:
        """The status, coloured."""
        return task.status

    @admin.display(description="Tokens")
    def tokens(self, task: Task) -> str:
        """Prompt and completion tokens together."""
        return f"{task.prompt_tokens + task.completion_tokens:,}"

    @admin.display(description="USD", ordering="cost_usd")
    def cost(self, task: Task) -> str:
        """The cost; a plus sign when the price of some call was not known."""
        return f"{task.cost_usd:.4f}{'' if task.cost_is_complete else ' +'}"

    @admin.display(description="Judged", ordering="feedback_score")
    def judged(self, task: Task) -> str:
        """What people say of the answer."""
        return "" if task.feedback_score is None else f"{task.feedback_score:.2f} ({task.feedback_count})"

    @admin.display(description="Feedback")
    def feedback_link(self, task: Task) -> SafeString:
        """Link to what people say of the answer."""
        address = f"{reverse('admin:orchestration_answerfeedback_changelist')}?task__id__exact={task.id}"
        said = self.judged(task) or "nobody said anything"
        return format_html('<a class="text-primary-600" href="{}">{}</a>', address, said)

    @admin.display(description="Live view")
    def live(self, task: Task) -> SafeString:
        """Link to the page that follows the run."""
        return format_html('<a class="text-primary-600" href="{}">watch</a>', reverse("console-run", args=[task.id]))

    @admin.display(description="Events")
    def events_link(self, task: Task) -> SafeString:
        """Link to the task's events."""
        address = f"{reverse('admin:orchestration_event_changelist')}?task__id__exact={task.id}"
        return format_html('<a class="text-primary-600" href="{}">{} events</a>', address, task.event_seq)

    @admin.display(description="Forked from")
    def source_link(self, task: Task) -> SafeString:
        """Link to the task that this one repeats from a step on."""
        return lineage_links([] if task.forked_from_id is None else [task.forked_from_id])

    @admin.display(description="Forks")
    def forks_links(self, task: Task) -> SafeString:
        """Links to the tasks that repeat this one."""
        return lineage_links(forks_of(task_id=task.id))

    @admin.display(description="Result")
    def shown_result(self, task: Task) -> str:
        """The answer, cut short."""
        return "" if task.result is None else task.result[:JSON_SHOWN_CHARACTERS]

    @admin.display(description="Error")
    def shown_error(self, task: Task) -> SafeString:
        """What went wrong."""
        return json_shown(task.error)

    @admin.display(description="Context")
    def shown_context(self, task: Task) -> SafeString:
        """What came with the request."""
        return json_shown(task.context)

    @admin.display(description="Parameters")
    def shown_parameters(self, task: Task) -> SafeString:
        """What the strategy was given."""
        return json_shown(task.parameters)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Whoever may change tasks may cancel them."""
        return request.user.has_perm("orchestration.change_task")

    @admin.action(description="Cancel the selected tasks", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        """Cancel the selected tasks through the service."""
        stopped = sum(_cancel(request, task) for task in queryset)
        messages.info(request, f"{stopped} tasks were cancelled; the others had ended.")

    @admin.action(description="Call the selected answers good", permissions=["cancel"])
    def call_good(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        """Judge the selected tasks' answers through the service."""
        answers_judge(request, queryset, Rating.GOOD)

    @admin.action(description="Call the selected answers bad", permissions=["cancel"])
    def call_bad(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        """Judge the selected tasks' answers through the service."""
        answers_judge(request, queryset, Rating.BAD)


def _cancel(request: HttpRequest, task: Task) -> bool:
    """Cancel a task in the name of the signed-in person."""
    principal = staff_principal(request, task.tenant_id)
    return task_cancel(principal=principal, task_id=task.id, reason=f"Cancelled in the admin by {principal.user_id}.")


@admin.register(Step)
class StepAdmin(ReadOnlyAdmin):
    """Steps: the durable units of tasks."""

    list_display = ("key", "kind", "shown_title", "shown_status", "attempt", "task", "created_at", "completed_at")
    list_filter = ("status", "kind")
    list_select_related = ("task",)
    search_fields = ("key",)
    search_ids = ("id", "task_id")
    ordering = ("-id",)
    exclude = ("input", "output", "error")
    readonly_fields = ("shown_input", "shown_output", "shown_error")

    @admin.display(description="Title")
    def shown_title(self, step: Step) -> str:
        """The beginning of the title."""
        return cut_short(step.title, 60)

    @display(description="Status", ordering="status", label=STATUS_COLOURS)  # type: ignore[untyped-decorator]
    def shown_status(self, step: Step) -> str:
        """The status, coloured."""
        return step.status

    @admin.display(description="Input")
    def shown_input(self, step: Step) -> SafeString:
        """What the step was given."""
        return json_shown(step.input)

    @admin.display(description="Output")
    def shown_output(self, step: Step) -> SafeString:
        """What the step gave."""
        return json_shown(step.output)

    @admin.display(description="Error")
    def shown_error(self, step: Step) -> SafeString:
        """What went wrong."""
        return json_shown(step.error)


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """Events: what happened, in order."""

    list_display = ("seq", "kind", "step_key", "shown_message", "task_id", "created_at")
    list_filter = ("kind",)
    search_fields = ("step_key",)
    search_ids = ("task_id",)
    ordering = ("-id",)
    exclude = ("payload",)
    readonly_fields = ("shown_payload",)

    @admin.display(description="Message")
    def shown_message(self, event: Event) -> str:
        """The beginning of the message."""
        return cut_short(event.message, 120)

    @admin.display(description="Payload")
    def shown_payload(self, event: Event) -> SafeString:
        """Everything that came with the event."""
        return json_shown(event.payload)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allow the link from a task to its events."""
        return lookup == "task__id__exact" or super().lookup_allowed(lookup, value, request)


@admin.register(IdempotencyRecord)
class IdempotencyRecordAdmin(ReadOnlyAdmin):
    """Keys of requests that were answered."""

    list_display = ("key", "endpoint", "tenant", "task_id", "created_at")
    list_filter = ("endpoint", "tenant")
    list_select_related = ("tenant",)
    search_fields = ("key",)
    ordering = ("-created_at",)


@admin.register(WorkerPresence)
class WorkerPresenceAdmin(ReadOnlyAdmin):
    """Workers as they were last heard of."""

    list_display = ("name", "threads", "seen_at")
    ordering = ("-seen_at",)
