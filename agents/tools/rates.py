"""How often a tenant may call a tool: counted in Valkey, for all workers together."""

import threading
from uuid import UUID

from django.conf import settings

from agents.tools.base import Tool
from agents.types import ToolError
from policy.services import use_admit
from shannon_project.foundation.database import connection_release


def turn_take(tool: Tool, *, tenant_id: UUID, timeout_seconds: float) -> tuple[float, ToolError | None]:
    """Count a call, and wait for its turn if that comes soon enough.

    Args:
        tool: What is called.
        tenant_id: Who calls.
        timeout_seconds: What the call may take; the wait is no longer, nor than `SHANNON_TOOL_RATE_WAIT_SECONDS`.

    Returns:
        How long it waited, in seconds, and the error that the model is told if that did not help.
    """
    limit = tool.call_limit()
    if limit is None:
        return 0.0, None
    waited_seconds = 0.0
    patience_seconds = min(timeout_seconds, settings.SHANNON_TOOL_RATE_WAIT_SECONDS)
    while after_seconds := use_admit(tenant_id=tenant_id, what=f"tool:{tool.name}", limit_per_minute=limit):
        if waited_seconds + after_seconds > patience_seconds:
            message = f"{tool.name} may be called {limit} times a minute; wait {after_seconds} s, or do without."
            details = {"limit_per_minute": limit, "retry_after_seconds": after_seconds}
            return waited_seconds, ToolError("TOOL_RATE_LIMITED", message, final=False, details=details)
        connection_release()
        threading.Event().wait(after_seconds)
        waited_seconds += after_seconds
    return waited_seconds, None
