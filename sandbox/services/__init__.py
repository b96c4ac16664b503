"""What other apps may ask of the sandbox."""

from sandbox.services.execution import execute, limits_default, shutdown, warm
from sandbox.services.workspaces import workspace_open
from sandbox.workspace import Workspace

__all__ = ["Workspace", "execute", "limits_default", "shutdown", "warm", "workspace_open"]
