"""What the admin pages of every app share."""

import json
import re
from functools import reduce
from operator import or_
from typing import Any, ClassVar, Final
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

JSON_SHOWN_CHARACTERS: Final = 4_000
ROWS_COUNTED_MAX: Final = 10_000
_ID_DIGITS: Final = 32
_ID: Final = re.compile(r"[0-9a-fA-F]{8,32}")  # an id, or its beginning as lists show it


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


def ids_meant(term: str) -> tuple[UUID, UUID] | None:
    """Return the first and the last id that a search may mean: an id, or at least 8 digits of its beginning."""
    digits = term.strip().replace("-", "")
    if not _ID.fullmatch(digits):
        return None
    return UUID(digits.ljust(_ID_DIGITS, "0")), UUID(digits.ljust(_ID_DIGITS, "f"))


class IdSearch(ModelAdmin):  # type: ignore[misc] # unfold has no types
    """Looks ids up in their indexes, where Django would compare the text of every row's.

    Attributes:
        search_ids: The columns that hold ids; `search_fields` are those that hold words.
    """

    search_ids: ClassVar[tuple[str, ...]] = ()

    @property
    def search_help_text(self) -> str | None:
        """What to type; None: Django says it."""
        words = "Words, or an" if self.search_fields else "An"
        return f"{words} id: its first 8 digits will do" if self.search_ids else None

    def get_search_fields(self, request: HttpRequest) -> Any:
        """Return the columns with words; those with ids where there are no others, so that there is a search."""
        return super().get_search_fields(request) or self.search_ids

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> "tuple[QuerySet[Any], bool]":
        """Return the rows that a search finds: those with such an id; where there are none, those with its words."""
        if self.search_ids and (span := ids_meant(search_term)):
            first, last = span
            meant = (Q(**{f"{name}__gte": first, f"{name}__lte": last}) for name in self.search_ids)
            found = queryset.filter(reduce(or_, meant))
            if not self.search_fields or found.exists():
                return found, False
        if search_term and not self.search_fields:
            return queryset.none(), False
        words: tuple[QuerySet[Any], bool] = super().get_search_results(request, queryset, search_term)
        return words


class ReadOnlyAdmin(IdSearch):
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
