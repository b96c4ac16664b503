"""The result backend of chords whose results nobody reads."""

from functools import partial
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

    def set_chord_size(self, group_id: str, chord_size: int) -> None:
        """Note how many jobs a chord's header has.

        Celery's own forgets an earlier run of the same chord first. Ours are sent once, each with an id of its own.
        """
        celery: Any = self  # its type stubs do not know when a chord's notes expire
        note = partial(self.client.set, ex=celery.chord_expires or None)
        self.ensure(note, (self.get_key_for_group(group_id, ".s"), chord_size))
