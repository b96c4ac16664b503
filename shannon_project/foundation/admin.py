"""What the admin pages of every app share."""

import json
from typing import Any, Final

from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

JSON_SHOWN_CHARACTERS: Final = 4_000
ROWS_COUNTED_MAX: Final = 10_000


def actor_of(request: HttpRequest) -> str:
    """Return how the audit log names who is logged in."""
    return f"user:{request.user.get_username()}"


def json_shown(value: Any) -> SafeString:
    """Return a JSON value as indented text, cut short, and escaped: it may hold what a model wrote."""
    if value is None:
        return SafeString("-")
    text = json.dumps(value, indent=2, ensure_ascii=False)
    left = len(text) - JSON_SHOWN_CHARACTERS
    cut = f"{text[:JSON_SHOWN_CHARACTERS]}\n… and {left} characters more" if left > 0 else text
    return format_html('<pre style="white-space:pre-wrap;max-width:60rem">{}</pre>', cut)


class BoundedPaginator(Paginator):  # type: ignore[type-arg] # django-stubs' is generic, Django's is not
    """Counts to a bound: to count all rows of a large table takes longer than anybody waits for a page of them."""

    @cached_property
    def count(self) -> int:
        """How many rows can be turned to; those beyond are found by filters and search."""
        rows: Any = self.object_list  # the list's query
        return int(rows.order_by()[:ROWS_COUNTED_MAX].count())


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc] # unfold has no types
    """A window, not a door: rows are shown, never added, changed or deleted."""

    list_per_page = 50
    paginator = BoundedPaginator
    show_full_result_count = False  # that would count all rows beside those of a search

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - as above
        """Nobody changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - as above
        """Nobody deletes."""
        return False
