"""What the admin pages of this app share."""

from typing import Any

from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin


def actor_of(request: HttpRequest) -> str:
    """Return how the audit log names who is logged in."""
    return f"user:{request.user.get_username()}"


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]
    """A window, not a door: rows are shown, never added, changed or deleted."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Nobody adds rows."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        """Nobody changes rows."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        """Nobody deletes rows."""
        return False


class KeptAdmin(ModelAdmin):  # type: ignore[misc]
    """Rows may be added and changed, but never deleted: others refer to them, or they are history."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nobody deletes rows."""
        return False
