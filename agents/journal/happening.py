"""Effects that are about to happen: their start is recorded, they happen, and their end is recorded."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError

from agents.blobs.base import BlobStore
from agents.blobs.packing import value_pack
from agents.context import Emit, StepContext
from agents.errors import JournalValueTooLarge, StepDeadlineExceeded, StepSuperseded, StepWaits, TaskCancelled
from agents.journal.base import JournalStore
from agents.journal.bounds import bounded_json, storable_json
from agents.journal.closing import write_patiently
from agents.journal.effect import Begun, Effect, OnFailure, nothing
from agents.journal.entries import effect_usage, entry_close, entry_withdraw
from agents.journal.together import as_they_end
from agents.journal.writing import Beginning, Ending
from agents.metrics import JOURNAL_EFFECTS
from agents.models import JournalEntry
from agents.types import JournalStatus, Usage
from shannon_project.foundation.database import connection_release
from shannon_project.foundation.errors import ShannonError
from shannon_project.foundation.failpoints import Seam, hit

# The step was stopped, the effect did not fail: its entry stays started, which is what is known about it.
_STOPS = (TaskCancelled, StepSuperseded, StepDeadlineExceeded, StepWaits)

Performed = tuple[dict[str, Any], int]
"""What an effect gave, as it is stored, and its size in bytes."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Lets the effects of one step happen."""

    ctx: StepContext
    store: JournalStore
    blobs: BlobStore
    used: Callable[[Usage], None]
    """Told what each effect used."""

    def start(self, begun: Sequence[Begun], notes: Sequence[JournalEntry]) -> None:
        """Record that effects begin, and what was noted before them, in one transaction with what they announce."""
        for each in begun:
            if each.is_new:
                each.entry.request = self.packed(*storable_json(each.draft.request))
        self.ctx.engine.write(Beginning(self.store, begun, notes))

    def one(self, begun: Begun) -> dict[str, Any]:
        """Let one effect happen, in this thread; return what it gave, or raise what it raised."""
        self._let_go([begun])
        return self._end(begun, partial(_performed, begun))

    def all(self, begun: Sequence[Begun]) -> Iterator[tuple[int, dict[str, Any] | BaseException]]:
        """Let effects happen at the same time; yield the place of each and how it ended, when that is recorded.

        Where only one of them takes time, it happens in this thread.
        """
        self._let_go(begun)
        apart = [each for each in begun if not each.draft.is_instant]
        here = begun if len(apart) < 2 else [each for each in begun if each.draft.is_instant]
        for each in here:
            yield each.entry.position, self._end_or_error(each, partial(_performed, each))
        if here is not begun:
            for number, future in as_they_end([partial(_performed, each) for each in apart]):
                yield apart[number].entry.position, self._end_or_error(apart[number], future.result)

    def packed(self, value: dict[str, Any], size_bytes: int) -> dict[str, Any]:
        """Return the value as its row holds it: what is large is stored apart, before the row is written."""
        return value_pack(self.ctx.principal.tenant_id, value, size_bytes=size_bytes, store=self.blobs)

    def _let_go(self, begun: Sequence[Begun]) -> None:
        """Leave the database before effects happen, and make sure that they are still ours to do."""
        connection_release()
        for each in begun:
            hit(Seam.EFFECT_STARTED, each.entry.kind)
        try:
            self.ctx.engine.confirm()
        except StepSuperseded:
            raise  # whether they began is another worker's to judge
        except (ShannonError, DatabaseError) as error:
            self._withdraw(begun, error)
            raise

    def _withdraw(self, begun: Sequence[Begun], error: Exception) -> None:
        """Record that effects did not begin: nobody need wonder whether those happened that may not be repeated."""
        for each in begun:
            entry_withdraw(each.entry, error)

        ending = Ending(self.store, [each.entry for each in begun], nothing)
        write_patiently(lambda _may_be_written: self.ctx.engine.write(ending))

    def _end_or_error(self, begun: Begun, take: Callable[[], Performed]) -> dict[str, Any] | BaseException:
        try:
            return self._end(begun, take)
        except BaseException as error:  # noqa: BLE001 - the caller raises it, when all have ended
            return error

    def _end(self, begun: Begun, take: Callable[[], Performed]) -> dict[str, Any]:
        """Record how an effect ended, in the step's own thread."""
        entry, effect = begun.entry, begun.effect
        try:
            response, size_bytes = take()
        except _STOPS:
            raise
        except ShannonError as error:
            self._record_failure(entry, effect, error, begun.draft.on_failure)
            raise
        hit(Seam.EFFECT_PERFORMED, entry.kind)
        self._close(entry, effect, JournalStatus.FINISHED)
        self._write_end(
            entry,
            lambda emit: begun.draft.after(emit, entry.position, response),
            pack=lambda: self.packed(response, size_bytes),
        )
        hit(Seam.EFFECT_RECORDED, entry.kind)
        JOURNAL_EFFECTS.labels(kind=entry.kind, outcome="performed").inc()
        return response

    def _close(self, entry: JournalEntry, effect: Effect, status: JournalStatus, **more: Any) -> None:
        entry_close(entry, effect, status, **more)
        self.used(effect_usage(entry, effect))

    def _record_failure(self, entry: JournalEntry, effect: Effect, error: ShannonError, on_failure: OnFailure) -> None:
        self._close(entry, effect, JournalStatus.FAILED, error=bounded_json(error.as_json()))
        self._write_end(entry, lambda emit: on_failure(emit, entry.position, error))
        JOURNAL_EFFECTS.labels(kind=entry.kind, outcome="failed").inc()

    def _write_end(
        self, entry: JournalEntry, tell: Callable[[Emit], None], pack: Callable[[], dict[str, Any]] | None = None
    ) -> None:
        """Record how the effect ended. It has happened, so this does not give up at the first lost connection."""

        def write(may_be_written: bool) -> None:
            entry.response = None if pack is None else pack()
            is_written = partial(self._is_written, entry) if may_be_written else bool
            self.ctx.engine.write(Ending(self.store, [entry], tell, is_written))

        write_patiently(write)

    def _is_written(self, entry: JournalEntry) -> bool:
        kept = self.store.load(self.ctx.step_id)[entry.position]
        return (kept.status, kept.attempt) == (entry.status, entry.attempt)


def _performed(begun: Begun) -> Performed:
    """Let an effect happen, in any thread."""
    response, size_bytes = storable_json(begun.draft.perform(begun.effect))
    if size_bytes > settings.SHANNON_JOURNAL_RESPONSE_MAX_BYTES:
        raise JournalValueTooLarge(
            f"{begun.entry.kind} {begun.entry.key} returned {size_bytes} bytes of JSON; the journal keeps at most "
            f"{settings.SHANNON_JOURNAL_RESPONSE_MAX_BYTES}.",
        )
    return response, size_bytes
