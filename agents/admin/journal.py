"""The journal of steps and the large values beside it, in the admin."""

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from agents.blobs import blob_heads
from agents.journal.bounds import bounded_text
from agents.models import Blob, JournalEntry
from shannon_project.foundation.admin import JSON_SHOWN_CHARACTERS, ReadOnlyAdmin, json_shown


@admin.register(Blob)
class BlobAdmin(ReadOnlyAdmin):
    """Large values, newest first; of a text its beginning is shown."""

    list_display: ClassVar = ["created_at", "tenant", "media_type", "size_bytes", "digest"]
    list_filter: ClassVar = ["tenant", "media_type", "created_at"]
    search_fields: ClassVar = ["digest"]
    fields: ClassVar = [
        "digest",
        "tenant",
        "month",
        "media_type",
        "size_bytes",
        "characters",
        "created_at",
        "beginning",
    ]
    readonly_fields: ClassVar = fields
    list_select_related: ClassVar = ["tenant"]
    ordering: ClassVar = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Blob]:
        """Leave the bytes in the database."""
        blobs: QuerySet[Blob] = super().get_queryset(request)
        return blobs.defer("data")

    @admin.display(description="text")
    def beginning(self, blob: Blob) -> str:
        """Return the first characters of a text."""
        if blob.characters is None:
            return "-"
        heads = blob_heads(tenant_id=blob.tenant_id, digests=[blob.digest], characters=JSON_SHOWN_CHARACTERS)
        return bounded_text(heads.get(blob.digest, ""), JSON_SHOWN_CHARACTERS, characters=blob.characters)


@admin.register(JournalEntry)
class JournalEntryAdmin(ReadOnlyAdmin):
    """What steps did outside themselves, newest first; JSON is cut short."""

    list_display: ClassVar = [
        "started_at",
        "kind",
        "key",
        "status",
        "position",
        "attempt",
        "prompt_tokens",
        "completion_tokens",
        "cost_usd",
        "step_id",
        "task_id",
    ]
    list_filter: ClassVar = ["kind", "status", "started_at"]
    search_fields: ClassVar = ["key"]
    search_ids: ClassVar = ("step_id", "task_id")
    fields: ClassVar = [
        *list_display,
        "finished_at",
        "request_digest",
        "request_shown",
        "response_shown",
        "error_shown",
    ]
    readonly_fields: ClassVar = fields
    ordering: ClassVar = ["-id"]

    @admin.display(description="request")
    def request_shown(self, entry: JournalEntry) -> SafeString:
        """Return the beginning of what was asked."""
        return json_shown(entry.request)

    @admin.display(description="response")
    def response_shown(self, entry: JournalEntry) -> SafeString:
        """Return the beginning of what came back."""
        return json_shown(entry.response)

    @admin.display(description="error")
    def error_shown(self, entry: JournalEntry) -> SafeString:
        """Return the beginning of what went wrong."""
        return json_shown(entry.error)
