"""Replaying: a run that has ended is computed again from its history, and must come to the same."""

from orchestration.replaying.export import history_export
from orchestration.replaying.service import Difference, ReplayReport, task_replay

__all__ = ["Difference", "ReplayReport", "history_export", "task_replay"]
