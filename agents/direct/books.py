"""The books of direct calls: what many calls of a tenant write at the same moment is written together.

Every reservation and every settlement waits for a commit, and all calls of a tenant for the same row of its budget. So
each tenant's are gathered while the last ones are written: one round trip and one commit for all of them, and a
coroutine that waits holds no connection. Tenants do not wait for each other as long as there is a writer left.
"""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Final, TypeVar
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError, transaction

from agents.journal.closing import write_patiently
from agents.llm.books import Ended, ended_write
from policy.services import budgets_reserve
from policy.types import Reserved, Reserving
from shannon_project.foundation.coroutines import coroutine_here
from shannon_project.foundation.database import connection_release, in_database
from shannon_project.foundation.errors import ShannonError, Unavailable

log = structlog.get_logger(__name__)
T = TypeVar("T")

WRITERS_MAX: Final = 6
TOGETHER_MAX: Final = 64
_REST_SECONDS: Final = 1.0  # after which a writer gives its connection back


@dataclass(slots=True)
class _Entry:
    """Something to be written, and who waits for it."""

    what: Reserving | Ended
    done: "Future[Any]" = field(default_factory=Future)


class DirectBooks:
    """Writes together what comes together. Thread-safe; its writers begin when they are needed."""

    waits: ClassVar[bool] = False  # a client waits, and may try again itself

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._changed = threading.Condition()
        self._waiting: OrderedDict[UUID, list[_Entry]] = OrderedDict()
        self._busy: set[UUID] = set()
        self._writers = 0
        self._idle = 0

    def reserve(self, asked: Reserving) -> Reserved:
        """See `Books`; raises as `policy.services.budget_reserve`."""
        reserved: Reserved = self._wait(asked.tenant_id, asked)
        return reserved

    def settle(self, ended: Ended) -> None:
        """See `Books`."""
        self._wait(ended.rows.facts.ctx.principal.tenant_id, ended)

    def write(self, work: Callable[[], None]) -> None:
        """See `Books`. In a transaction of its own."""
        in_database(partial(write_patiently, lambda _: _in_transaction(work)))

    def write_apart(self, work: Callable[[], None]) -> None:
        """See `Books`."""
        self.write(work)

    def _wait(self, tenant_id: UUID, what: Reserving | Ended) -> Any:
        entry = _Entry(what)
        with self._changed:
            self._waiting.setdefault(tenant_id, []).append(entry)
            self._changed.notify()
            if self._idle < len(self._waiting.keys() - self._busy) and self._writers < WRITERS_MAX:
                self._writers += 1
                threading.Thread(target=self._write_on, name="direct-books", daemon=True).start()
        here = coroutine_here()
        if here is None:
            return entry.done.result()
        return here.wait(asyncio.wrap_future(entry.done), is_interruptible=False)

    def _write_on(self) -> None:
        """Write whatever comes, as long as the process lives."""
        while True:
            tenant_id, entries = self._next()
            try:
                _write(entries)
            finally:
                with self._changed:
                    self._busy.discard(tenant_id)

    def _next(self) -> tuple[UUID, list[_Entry]]:
        """Wait for entries of a tenant that no other writer is busy with; the tenant that waits longest comes first."""
        has_connection = True
        with self._changed:
            self._idle += 1
            try:
                while (tenant_id := self._ready()) is None:
                    came = self._changed.wait(_REST_SECONDS if has_connection else None)
                    if not came and has_connection:
                        connection_release()
                        has_connection = False
            finally:
                self._idle -= 1
            self._busy.add(tenant_id)
            entries = self._waiting.pop(tenant_id)
            if rest := entries[TOGETHER_MAX:]:
                self._waiting[tenant_id] = rest
            return tenant_id, entries[:TOGETHER_MAX]

    def _ready(self) -> UUID | None:
        return next((tenant_id for tenant_id in self._waiting if tenant_id not in self._busy), None)


def _write(entries: Sequence[_Entry]) -> None:
    """Write entries of one tenant; where they cannot be written together, each by itself."""
    reservings = [entry for entry in entries if isinstance(entry.what, Reserving)]
    endings = [entry for entry in entries if isinstance(entry.what, Ended)]
    for group, write in ((reservings, _reserve), (endings, _settle)):
        if not group:
            continue
        try:
            found = write([entry.what for entry in group])
        except Exception as error:  # noqa: BLE001 - it is told to whoever waits
            if len(group) == 1:
                group[0].done.set_exception(_told(error))
            else:
                log.warning("direct_books_apart", count=len(group), error=str(error))
                connection_release()
                for entry in group:
                    _write([entry])
            continue
        for entry, result in zip(group, found, strict=True):
            if isinstance(result, ShannonError):
                entry.done.set_exception(result)
            else:
                entry.done.set_result(result)


def _reserve(asked: Sequence[Any]) -> Sequence[Reserved | ShannonError]:
    return budgets_reserve(asked)


def _settle(ended: Sequence[Any]) -> Sequence[None]:
    """Settle; what was done and paid for outlives a database that is away for a moment."""
    if len(ended) > 1:
        ended_write(ended)
    else:
        write_patiently(lambda _: ended_write(ended))
    return [None] * len(ended)


def _in_transaction(work: Callable[[], None]) -> None:
    with transaction.atomic():
        work()


def _told(error: Exception) -> Exception:
    """Return the error as a client may be told it: a database that is away is a matter of trying again."""
    if isinstance(error, DatabaseError | InterfaceError):
        log.error("direct_books_broke", error=str(error))
        return Unavailable()
    return error
