"""Which workers there are, and how many threads they have to share. Told by each, by the database's clock."""

from dataclasses import dataclass

from django.db import connection

FORGET_AFTER = "1 day"


@dataclass(frozen=True, slots=True)
class Presence:
    """One worker process. `name` is unique among all; `threads` is how many steps it runs at once."""

    name: str
    threads: int

    def tell(self) -> None:
        """Note that the worker is there; forget those that were not seen for a day. One statement."""
        with connection.cursor() as cursor:
            cursor.execute(
                "WITH gone AS (DELETE FROM orchestration_workerpresence WHERE seen_at < now() - %s::interval)"
                " INSERT INTO orchestration_workerpresence (name, threads, seen_at) VALUES (%s, %s, now())"
                " ON CONFLICT (name) DO UPDATE SET threads = EXCLUDED.threads, seen_at = EXCLUDED.seen_at",
                [FORGET_AFTER, self.name[:255], self.threads],
            )

    def leave(self) -> None:
        """Say that the worker is gone, so that nobody counts on its threads."""
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM orchestration_workerpresence WHERE name = %s", [self.name[:255]])
