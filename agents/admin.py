"""A window on sessions, memory and the journal. Run data is read-only."""

import json
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from agents import gateway_admin, own_tools_admin, roles_admin, skills_admin
from agents.blobs import blob_heads
from agents.journal.bounds import bounded_text
from agents.models import Blob, JournalEntry, McpServer, Memory, Message, OpenApi, Session

__all__ = ["gateway_admin", "own_tools_admin", "roles_admin", "skills_admin"]  # they register their own pages
_JSON_SHOWN_CHARACTERS = 4_000


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc] # unfold has no types
    """Shows rows; run data is changed by runs only."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - as above
        """Nobody changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - as above
        """Nobody deletes."""
        return False


@admin.register(Session)
class SessionAdmin(ModelAdmin):  # type: ignore[misc] # unfold has no types
    """Sessions: titles and expiry may be changed; sessions are made and deleted over the API."""

    list_display: ClassVar = ["id", "title", "tenant", "external_id", "user_id", "created_at", "deleted_at"]
    list_filter: ClassVar = ["tenant", "created_at"]
    search_fields: ClassVar = ["id", "external_id", "title", "user_id"]
    fields: ClassVar = [
        "id",
        "tenant",
        "external_id",
        "user_id",
        "title",
        "expires_at",
        "context",
        "created_at",
        "updated_at",
        "deleted_at",
    ]
    readonly_fields: ClassVar = [name for name in fields if name not in {"title", "expires_at"}]
    list_select_related: ClassVar = ["tenant"]
    ordering: ClassVar = ["-created_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Sessions are opened by tasks."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - as above
        """Tasks point at their session."""
        return False


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """Turns of sessions, newest first."""

    list_display: ClassVar = ["created_at", "role", "beginning", "session", "task_id"]
    list_filter: ClassVar = ["role", "created_at"]
    search_fields: ClassVar = ["task_id", "session__id"]
    list_select_related: ClassVar = ["session"]
    ordering: ClassVar = ["-id"]

    @admin.display(description="content")
    def beginning(self, message: Message) -> str:
        """Return the first words."""
        return bounded_text(message.content, 100)


@admin.register(Memory)
class MemoryAdmin(ReadOnlyAdmin):
    """What is remembered; embeddings mean nothing to a person."""

    list_display: ClassVar = ["created_at", "tenant", "beginning", "feedback_score", "task_id"]
    list_filter: ClassVar = ["tenant", "created_at"]
    search_fields: ClassVar = ["content", "task_id"]
    fields: ClassVar = [
        "id",
        "tenant",
        "session",
        "task_id",
        "content",
        "feedback_score",
        "feedback_comment",
        "created_at",
    ]
    list_select_related: ClassVar = ["tenant"]
    ordering: ClassVar = ["-created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Memory]:
        """Leave the embeddings in the database."""
        memories: QuerySet[Memory] = super().get_queryset(request)
        return memories.defer("embedding")

    @admin.display(description="content")
    def beginning(self, memory: Memory) -> str:
        """Return the first words."""
        return bounded_text(memory.content, 100)


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
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Blob]:
        """Leave the bytes in the database."""
        blobs: QuerySet[Blob] = super().get_queryset(request)
        return blobs.defer("data")

    @admin.display(description="text")
    def beginning(self, blob: Blob) -> str:
        """Return the first characters of a text."""
        if blob.characters is None:
            return "-"
        heads = blob_heads(tenant_id=blob.tenant_id, digests=[blob.digest], characters=_JSON_SHOWN_CHARACTERS)
        return bounded_text(heads.get(blob.digest, ""), _JSON_SHOWN_CHARACTERS, characters=blob.characters)


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
    search_fields: ClassVar = ["step_id", "task_id", "key"]
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
    show_full_result_count = False  # counting a large journal takes longer than showing a page of it

    @admin.display(description="request")
    def request_shown(self, entry: JournalEntry) -> str:
        """Return the beginning of what was asked."""
        return _json_shown(entry.request)

    @admin.display(description="response")
    def response_shown(self, entry: JournalEntry) -> str:
        """Return the beginning of what came back."""
        return _json_shown(entry.response)

    @admin.display(description="error")
    def error_shown(self, entry: JournalEntry) -> str:
        """Return the beginning of what went wrong."""
        return _json_shown(entry.error)


def _json_shown(value: Any) -> str:
    if value is None:
        return "-"
    return bounded_text(json.dumps(value, indent=2, ensure_ascii=False), _JSON_SHOWN_CHARACTERS)


@admin.register(McpServer)
class McpServerAdmin(ModelAdmin):  # type: ignore[misc] # unfold has no types
    """MCP servers: switched off and limited here; registered over the API, which alone takes credentials."""

    list_display: ClassVar = ["name", "tenant", "url", "is_active", "discovered_at", "discovery_error"]
    list_filter: ClassVar = ["tenant", "is_active"]
    search_fields: ClassVar = ["name", "url"]
    fields: ClassVar = [
        "name",
        "tenant",
        "url",
        "is_active",
        "tools_allowed",
        "tools_trusted",
        "timeout_seconds",
        "tools",
        "discovered_at",
        "discovery_error",
        "created_by",
        "created_at",
        "updated_at",
    ]
    readonly_fields: ClassVar = [
        name for name in fields if name not in {"is_active", "tools_allowed", "tools_trusted", "timeout_seconds"}
    ]
    list_select_related: ClassVar = ["tenant"]
    ordering: ClassVar = ["tenant", "name"]

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Servers are registered over the API."""
        return False


@admin.register(OpenApi)
class OpenApiAdmin(ModelAdmin):  # type: ignore[misc] # unfold has no types
    """Imported APIs: switched off and limited here; imported over the API, which alone takes credentials."""

    list_display: ClassVar = ["name", "tenant", "title", "version", "url", "is_active", "imported_at"]
    list_filter: ClassVar = ["tenant", "is_active"]
    search_fields: ClassVar = ["name", "title", "url"]
    fields: ClassVar = [
        "name",
        "tenant",
        "title",
        "version",
        "url",
        "server_url",
        "is_active",
        "operations_trusted",
        "timeout_seconds",
        "tags",
        "operations_wanted",
        "credential_origins",
        "operations_shown",
        "report_shown",
        "imported_at",
        "created_by",
        "created_at",
        "updated_at",
    ]
    readonly_fields: ClassVar = [
        name for name in fields if name not in {"is_active", "operations_trusted", "timeout_seconds"}
    ]
    list_select_related: ClassVar = ["tenant"]
    ordering: ClassVar = ["tenant", "name"]

    def get_queryset(self, request: HttpRequest) -> "QuerySet[OpenApi]":
        """Leave the documents where they are."""
        rows: QuerySet[OpenApi] = super().get_queryset(request).defer("document")
        return rows

    @admin.display(description="operations")
    def operations_shown(self, api: OpenApi) -> str:
        """Return which operations agents may call."""
        return "\n".join(f"{one['method']} {one['path']} ({one['tool']})" for one in api.operations) or "-"

    @admin.display(description="report")
    def report_shown(self, api: OpenApi) -> str:
        """Return the beginning of what became of the document."""
        return _json_shown(api.report)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """APIs are imported over the API."""
        return False
