"""New tasks out of old ones: everything before the fork is copied, everything after it is done anew."""

from orchestration.forking.edits import ForkEdits, ToolOutputEdit
from orchestration.forking.service import ForkRequest, task_fork

__all__ = ["ForkEdits", "ForkRequest", "ToolOutputEdit", "task_fork"]
