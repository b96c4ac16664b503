"""What the admin pages of this app share."""

from typing import Any

from django.http import HttpRequest

from shannon_project.foundation.admin import IdSearch


class KeptAdmin(IdSearch):
    """Rows may be added and changed, but never deleted: others refer to them, or they are history."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nobody deletes rows."""
        return False
