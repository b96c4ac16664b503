"""The result backend of chords whose results nobody reads."""

from typing import Any

from celery.backends.redis import RedisBackend


class DoorbellBackend(RedisBackend):
    """Counts a chord's header and keeps its results for the body, but never subscribes to them.

    Celery's own backend subscribes to the result of every job that is sent and keeps it until somebody reads it. Nobody
    does here (the truth is in Postgres), so a worker would collect one subscription for each job that it dispatched.
    """

    def add_pending_result(self, result: Any, weak: bool = False, start_drainer: bool = True) -> Any:  # noqa: ARG002
        """Wait for nothing."""
        return result

    def remove_pending_result(self, result: Any) -> Any:
        """Forget nothing."""
        return result

    def on_task_call(self, producer: Any, task_id: str) -> None:
        """Subscribe to nothing."""
