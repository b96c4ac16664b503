"""What the admin pages of this app share."""

from collections.abc import Iterable
from uuid import UUID

from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString


def cut_short(text: str, limit_chars: int = 80) -> str:
    """Return the first characters of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= limit_chars else f"{line[: limit_chars - 1]}…"


def lineage_links(task_ids: Iterable[UUID]) -> SafeString:
    """Return links to tasks; a dash when there are none."""
    rows = [(reverse("admin:orchestration_task_change", args=[task_id]), task_id) for task_id in task_ids]
    return format_html_join(" ", '<a class="text-primary-600" href="{}">{}</a>', rows) or SafeString("–")
