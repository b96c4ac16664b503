"""Passing slots on: a drainer that ends says so, and one thread of the process gives the slot to whoever's turn it is.

Done by each drainer itself, it would keep the worker's threads from who comes: many that end together would all find
the same task waiting, and stand in line for its row and for the messages to be sent.
"""

import threading
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError, connection

from orchestration.engine.slots import task_serve, waiting_serve

log = structlog.get_logger(__name__)


class SlotPasser:
    """Serves who waits for slots. Until it is started, whoever asks is served by the asking thread itself."""

    def __init__(self) -> None:
        self._asked = threading.Condition()
        self._is_asked = False
        self._is_ended = False
        self._own: set[UUID] = set()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Serve in a thread from now on; once per process."""
        self._thread = threading.Thread(target=self._run, name="slots", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Serve what was asked for, and end."""
        with self._asked:
            self._is_ended = True
            self._asked.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=5.0)

    def pass_on(self, task_id: UUID | None) -> None:
        """Give a slot that is free to whoever's turn it is.

        Args:
            task_id: The task that was drained, if it has steps left; it stands behind those who have waited longer.
        """
        with self._asked:
            if task_id is not None:
                self._own.add(task_id)
            self._is_asked = True
            self._asked.notify_all()
        if self._thread is None:
            self._serve()

    def _run(self) -> None:
        while True:
            with self._asked:
                self._asked.wait_for(lambda: self._is_asked or self._is_ended)
                if not self._is_asked:
                    return
            try:
                self._serve()
            except Exception:  # the outermost edge of this thread: without it no slot of the process is passed on
                log.exception("slots_broke")
            finally:
                connection.close()

    def _serve(self) -> None:
        """What cannot be served now, the next drainer or recovery serves."""
        with self._asked:
            own, self._own, self._is_asked = self._own, set(), False
        try:
            for task_id in own:
                task_serve(task_id)
            waiting_serve()
        except (DatabaseError, InterfaceError) as error:
            log.warning("slot_not_passed_on", error=str(error))
            connection.close()


PASSER = SlotPasser()
