"""What is remembered, in the admin."""

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from agents.journal.bounds import bounded_text
from agents.models import Memory
from shannon_project.foundation.admin import ReadOnlyAdmin


@admin.register(Memory)
class MemoryAdmin(ReadOnlyAdmin):
    """What is remembered; embeddings mean nothing to a person."""

    list_display: ClassVar = ["created_at", "tenant", "beginning", "feedback_score", "task_id"]
    list_filter: ClassVar = ["tenant", "created_at"]
    search_fields: ClassVar = ["content"]
    search_ids: ClassVar = ("task_id",)
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
