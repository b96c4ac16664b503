"""What the admin pages of this app share."""

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

JSON_SHOWN_CHARS = 4_000


def json_shown(value: Any) -> SafeString:
    """Return a JSON value as indented text, cut short, and escaped: it may hold what a model wrote."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    left = len(text) - JSON_SHOWN_CHARS
    cut = f"{text[:JSON_SHOWN_CHARS]}\n… and {left} characters more" if left > 0 else text
    return format_html('<pre style="white-space:pre-wrap;max-width:60rem">{}</pre>', cut)


def cut_short(text: str, limit_chars: int = 80) -> str:
    """Return the first characters of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= limit_chars else f"{line[: limit_chars - 1]}…"


def lineage_links(task_ids: Iterable[UUID]) -> SafeString:
    """Return links to tasks; a dash when there are none."""
    rows = [(reverse("admin:orchestration_task_change", args=[task_id]), task_id) for task_id in task_ids]
    return format_html_join(" ", '<a class="text-primary-600" href="{}">{}</a>', rows) or SafeString("–")


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]
    """Rows that the engine alone writes."""

    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Nobody adds run data by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        """Nor changes it."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        """Nor deletes it."""
        return False
