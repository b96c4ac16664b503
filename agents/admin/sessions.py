"""Conversations in the admin."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest

from agents.journal.bounds import bounded_text
from agents.models import Message, Session
from shannon_project.foundation.admin import IdSearch, ReadOnlyAdmin


@admin.register(Session)
class SessionAdmin(IdSearch):
    """Sessions: titles and expiry may be changed; sessions are made and deleted over the API."""

    list_display: ClassVar = ["id", "title", "tenant", "external_id", "user_id", "created_at", "deleted_at"]
    list_filter: ClassVar = ["tenant", "created_at"]
    search_fields: ClassVar = ["external_id", "title", "user_id"]
    search_ids: ClassVar = ("id",)
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
    search_ids: ClassVar = ("task_id", "session_id")
    list_select_related: ClassVar = ["session"]
    ordering: ClassVar = ["-id"]

    @admin.display(description="content")
    def beginning(self, message: Message) -> str:
        """Return the first words."""
        return bounded_text(message.content, 100)
