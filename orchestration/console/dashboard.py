"""What the admin's first page says about the platform: three queries over what is recent or open."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Q, Sum
from django.http import HttpRequest
from django.utils import timezone

from orchestration.console.colours import STATUS_COLOURS
from orchestration.models import Task
from orchestration.types import TASK_TERMINAL, TaskStatus
from shannon_project.foundation.partitions import uuid7_floor

WINDOW_HOURS = 24
LATEST_TASKS = 12


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the numbers of the last day and the latest tasks to the page's context, for those who may see tasks."""
    if not request.user.has_perm("orchestration.view_task"):
        return context
    since = timezone.now() - timedelta(hours=WINDOW_HOURS)
    days = uuid7_floor((since - timedelta(hours=1)).date())  # ids are by a host's clock, times by the database's
    day = Task.objects.filter(created_at__gte=since, id__gte=days).aggregate(
        tasks=Count("id"),
        completed=Count("id", filter=Q(status=TaskStatus.COMPLETED)),
        failed=Count("id", filter=Q(status__in=[TaskStatus.FAILED, TaskStatus.TIMEOUT])),
        tokens=Sum(F("prompt_tokens") + F("completion_tokens")),
        cost_usd=Sum("cost_usd"),
    )
    open_tasks = Task.objects.exclude(status__in=sorted(TASK_TERMINAL)).count()  # as the index says it
    ended = day["completed"] + day["failed"]
    rate = f"{day['completed'] / ended:.0%}" if ended else "none ended"
    context["cards"] = [
        {"title": "Open now", "value": f"{open_tasks:,}", "icon": "pending"},
        {"title": "Tasks", "value": f"{day['tasks']:,}", "icon": "task_alt"},
        {
            "title": "Succeeded",
            "value": rate,
            "icon": "verified",
        },
        {"title": "Tokens", "value": f"{day['tokens'] or 0:,}", "icon": "token"},
        {"title": "Cost", "value": f"${day['cost_usd'] or Decimal(0):,.4f}", "icon": "payments"},
    ]
    context["window_hours"] = WINDOW_HOURS
    latest = Task.objects.order_by("-id").only(
        "id", "query", "status", "strategy", "prompt_tokens", "completion_tokens", "cost_usd", "created_at"
    )
    context["latest_tasks"] = [(task, STATUS_COLOURS.get(task.status, "")) for task in latest[:LATEST_TASKS]]
    return context
