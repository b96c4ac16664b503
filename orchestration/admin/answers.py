"""What people say of answers; who is signed in may say it of tasks that are selected."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from orchestration.admin.base import cut_short, lineage_links
from orchestration.console.people import staff_principal
from orchestration.errors import AnswerMissing
from orchestration.feedback import feedback_give
from orchestration.models import AnswerFeedback, Task
from orchestration.types import Rating
from shannon_project.foundation.admin import ReadOnlyAdmin

RATING_COLOURS = {"good": "success", "bad": "danger"}


@admin.register(AnswerFeedback)
class AnswerFeedbackAdmin(ReadOnlyAdmin):
    """Who says what of which answer."""

    list_display = ("short_query", "shown_rating", "score", "short_comment", "given_by", "tenant", "given_at", "run")
    list_filter = ("rating", "tenant", "given_at")
    list_select_related = ("tenant", "task")
    list_filter_submit = False
    search_fields = ("given_by", "comment")
    search_ids = ("task_id",)
    ordering = ("-given_at",)
    readonly_fields = ("run",)

    @admin.display(description="Request")
    def short_query(self, feedback: AnswerFeedback) -> str:
        """The beginning of the request."""
        return cut_short(feedback.task.query)

    @display(description="Rating", ordering="rating", label=RATING_COLOURS)  # type: ignore[untyped-decorator]
    def shown_rating(self, feedback: AnswerFeedback) -> str:
        """Good or bad, coloured."""
        return feedback.rating

    @admin.display(description="Comment")
    def short_comment(self, feedback: AnswerFeedback) -> str:
        """The beginning of the comment."""
        return cut_short(feedback.comment)

    @admin.display(description="Task")
    def run(self, feedback: AnswerFeedback) -> str:
        """Link to the task."""
        return lineage_links([feedback.task_id])

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allow the link from a task to what is said of it."""
        return lookup == "task__id__exact" or super().lookup_allowed(lookup, value, request)


def answers_judge(request: HttpRequest, tasks: "QuerySet[Task]", rating: Rating) -> None:
    """Judge answers in the name of the signed-in person, and say how many tasks had none."""
    judged = sum(_judge(request, task, rating) for task in tasks)
    messages.info(request, f"{judged} answers were called {rating}.")
    if without := len(tasks) - judged:
        messages.warning(request, f"{without} tasks have no answer.")


def _judge(request: HttpRequest, task: Task, rating: Rating) -> bool:
    try:
        feedback_give(principal=staff_principal(request, task.tenant_id), task_id=task.id, rating=rating)
    except AnswerMissing:
        return False
    return True
