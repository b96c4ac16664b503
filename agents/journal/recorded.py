"""What earlier attempts of a step recorded, and what of it still has to be done."""

import threading
from collections.abc import Mapping
from typing import Any

from agents.blobs.base import BlobStore
from agents.blobs.packing import value_unpack
from agents.context import StepContext
from agents.errors import RecordedFailure
from agents.journal.base import JournalStore
from agents.journal.bounds import storable_json
from agents.journal.entries import NOT_BEGUN, usage_of
from agents.journal.matching import first_difference, mismatch
from agents.metrics import JOURNAL_EFFECTS
from agents.models import JournalEntry
from agents.types import JournalStatus, Usage


class Recorded:
    """The entries of earlier attempts, by position; read at the first question, by one query. Thread-safe."""

    def __init__(self, ctx: StepContext, store: JournalStore, blobs: BlobStore) -> None:
        self._ctx = ctx
        self._store = store
        self._blobs = blobs
        self._lock = threading.Lock()
        self._entries: dict[int, JournalEntry] | None = None
        self._usage = Usage()

    def at(self, position: int) -> JournalEntry | None:
        """Return the entry of a position; None: no earlier attempt came so far."""
        with self._lock:
            if self._entries is None:
                self._entries = self._store.load(self._ctx.step_id) if self._ctx.is_resumed else {}
                self._usage = usage_of(self._entries.values())
            return self._entries.get(position)

    def is_known_at(self, position: int) -> bool:
        """Return whether a position has an entry, as far as they were read; asks no database."""
        return position in (self._entries or {})

    @property
    def usage(self) -> Usage:
        """What the effects of earlier attempts used, once they were read; asks no database."""
        return self._usage

    def is_open(self, entry: JournalEntry, last: int | None = None) -> bool:
        """Return whether the entry leaves something to do.

        A passing failure is tried again, but only where the earlier attempt stopped there: if it went on, the
        later entries build on the failure. What did not begin has no outcome that anything could build on.
        """
        if entry.status == JournalStatus.FAILED:
            if (entry.error or {}).get("code") == NOT_BEGUN:
                return True
            went_on = max(entry.position, last or 0) < max(self._entries or (0,))
            return bool((entry.error or {}).get("retryable")) and not went_on
        return entry.status == JournalStatus.STARTED

    def check_same(self, entry: JournalEntry, *, kind: str, key: str, digest: str, request: Mapping[str, Any]) -> None:
        """Compare what is asked for with what was.

        Raises:
            JournalMismatch: It is something else; says where they differ first.
        """
        recorded, asked = (entry.kind, entry.key, entry.request_digest), (kind, key, digest)
        if recorded == asked:
            return
        where = None
        if recorded[:2] == asked[:2]:
            before = value_unpack(self._ctx.principal.tenant_id, entry.request, store=self._blobs)
            where = first_difference(before, storable_json(request)[0])
        raise mismatch(position=entry.position, attempt=entry.attempt, recorded=recorded, asked=asked, where=where)

    def response_of(self, entry: JournalEntry) -> dict[str, Any]:
        """Return what an effect gave that has ended.

        Raises:
            RecordedFailure: It failed for good.
        """
        JOURNAL_EFFECTS.labels(kind=entry.kind, outcome="replayed").inc()
        if entry.status == JournalStatus.FAILED:
            raise RecordedFailure(entry.error or {})
        response = value_unpack(self._ctx.principal.tenant_id, entry.response or {}, store=self._blobs)
        return storable_json(response)[0]
