"""The audit log."""

from django.contrib import admin

from policy.models import AuditEntry
from shannon_project.foundation.admin import ReadOnlyAdmin


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Refusals and changes, newest first."""

    list_display = ["created_at", "tenant", "actor", "action", "outcome", "rule", "reason"]
    list_filter = ["outcome", "action", "tenant"]
    list_select_related = ["tenant"]
    search_fields = ["actor", "rule", "reason"]
    ordering = ["-created_at"]
