"""Effects that happen once, however often the step is run."""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from random import SystemRandom
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from agents.blobs.base import BlobStore
from agents.blobs.postgres import PostgresBlobStore
from agents.context import StepContext
from agents.errors import StepWaits
from agents.journal.base import JournalStore
from agents.journal.bounds import canonical_digest, storable_json
from agents.journal.effect import Begun, EffectDraft
from agents.journal.entries import entry_new, entry_start
from agents.journal.happening import Happening
from agents.journal.postgres import PostgresJournalStore
from agents.journal.recorded import Recorded
from agents.journal.unknown import unknown_outcome_settle
from agents.models import JournalEntry
from agents.types import JournalStatus, Usage

_chance = SystemRandom()


class Journal:
    """The journal of one execution of a step.

    Positions are given in the order of asking, so a step must ask in the same order each time it is run. Reading
    entries costs one query per execution, none in a step's first one. Several effects may happen at the same time, see
    `effects`.
    """

    def __init__(self, ctx: StepContext, store: JournalStore | None = None, blobs: BlobStore | None = None) -> None:
        """Open the journal of `ctx.step_id`; `store` and `blobs` are Postgres unless a test brings its own."""
        self._ctx = ctx
        self._store: JournalStore = store or PostgresJournalStore()
        self._blobs: BlobStore = blobs or PostgresBlobStore()
        self._lock = threading.Lock()
        self._next_position = 0
        self._recorded = Recorded(ctx, self._store, self._blobs)
        self._notes: list[JournalEntry] = []
        self._usage = Usage()
        self._happening = Happening(ctx, self._store, self._blobs, self._used)

    def reserve_positions(self, count: int) -> range:
        """Take the next `count` positions, for effects that will happen at the same time."""
        with self._lock:
            first = self._next_position
            self._next_position += count
        return range(first, first + count)

    def will_perform(self, position: int | None = None, *, last: int | None = None) -> bool:
        """Return whether the effect at this position (default: the next one) will happen rather than be read.

        Whoever authorises effects asks this first: what was decided in an earlier attempt stays decided.

        Args:
            position: The effect's place.
            last: The last place of the effects that happen together with it; default: it is alone.
        """
        entry = self._recorded.at(self._next_position if position is None else position)
        return entry is None or self._recorded.is_open(entry, last)

    @property
    def position(self) -> int:
        """The next position: how many effects this execution has asked for."""
        with self._lock:
            return self._next_position

    def next_kind(self) -> str | None:
        """Return the kind of what an earlier attempt did at the next position; None: it did not come so far."""
        return self.kind_at(self._next_position)

    def kind_at(self, position: int) -> str | None:
        """Return the kind of what an earlier attempt did at a position; None: nothing."""
        entry = self._recorded.at(position)
        return None if entry is None else entry.kind

    def next_key(self) -> str | None:
        """Return the key of what an earlier attempt did at the next position; None as in `next_kind`."""
        entry = self._recorded.at(self._next_position)
        return None if entry is None else entry.key

    def give_back(self, position: int) -> None:
        """Give a position again to what comes next: the effect that took it did not begin, something comes before it.

        Raises:
            ValueError: It is not the last one that was taken, or something is recorded there (a defect of the caller).
        """
        with self._lock:
            if self._next_position != position + 1 or self._recorded.is_known_at(position):
                raise ValueError(f"position {position} cannot be given back")
            self._next_position = position

    def effect(self, draft: EffectDraft, *, position: int | None = None) -> dict[str, Any]:
        """Do something outside the step, or return what it gave when an earlier attempt did it.

        Args:
            draft: What.
            position: One that `reserve_positions` gave; default: the next.

        Returns:
            The response, as it is stored.

        Raises:
            JournalMismatch: An earlier attempt asked for something else at this position.
            OutcomeUnknown: An earlier attempt started it, did not finish it, and it may not be repeated.
            StepWaits: The same, and a person was asked.
            RecordedFailure: An earlier attempt failed here for good.
            JournalValueTooLarge: The response is larger than `SHANNON_JOURNAL_RESPONSE_MAX_BYTES`.
            ShannonError: What `before` or `perform` raised.
        """
        if position is None:
            position = self.reserve_positions(1)[0]
        opened = self._open(draft, position, last=position)
        if not isinstance(opened, Begun):
            return opened
        return self._happening.one(self._started([opened])[0])

    def effects(self, drafts: Mapping[int, EffectDraft], *, last: int) -> dict[int, dict[str, Any] | BaseException]:
        """Do several things outside the step at the same time, or return what they gave when an earlier attempt did.

        Their starts are recorded in one transaction before the first of them happens, and each end when it has come,
        whatever became of the others. So after a crash the journal says of all of them how far they came.

        Args:
            drafts: By their positions, which `reserve_positions` gave.
            last: The last position of the effects that belong together: what an earlier attempt did behind it builds
                on how these ended. A passing failure among them is tried again only where nothing does.

        Returns:
            By position: the response, or what was raised in its place.

        Raises:
            JournalMismatch, OutcomeUnknown, RecordedFailure: As `effect`; then none of them has begun now.
            ShannonError: What `before` raised; likewise.
        """
        ended: dict[int, dict[str, Any] | BaseException] = {}
        begun: list[Begun] = []
        for position, draft in sorted(drafts.items()):
            try:
                opened = self._open(draft, position, last=last)
            except StepWaits as wait:  # a person is asked about this one; the others need not wait
                opened, ended[position] = {}, wait
            if isinstance(opened, Begun):
                begun.append(opened)
            else:
                ended.setdefault(position, opened)
        if begun:
            ended.update(self._happening.all(self._started(begun)))
        return ended

    def note(self, kind: str, key: str, request: Mapping[str, Any], response: Mapping[str, Any]) -> None:
        """Record an instant, free, repeatable effect of this process.

        It asks nothing of the database: it is written with the start of the next effect, or with the step's outcome.
        """
        self._add_note(self.reserve_positions(1)[0], kind, key, request, response)

    def observe(
        self, kind: str, key: str, look: Callable[[], dict[str, Any]], request: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return what `look` sees, or what it saw in an earlier attempt that went on from there.

        For instant reads of what may change between attempts, such as a listing of files, and for what is written with
        the step's outcome. Written like a note. `request` is what determines it, if anything does.

        Raises:
            JournalMismatch: An earlier attempt did something else at this position.
        """
        position = self.reserve_positions(1)[0]
        asked = request or {}
        entry = self._recorded.at(position)
        if entry is not None:
            self._recorded.check_same(entry, kind=kind, key=key, digest=canonical_digest(asked), request=asked)
            return look() if self._recorded.is_open(entry) else self._recorded.response_of(entry)
        return self._add_note(position, kind, key, asked, look())

    def now(self) -> datetime:
        """Return the time (aware, UTC), or what it was when an earlier attempt asked here.

        Whatever a step does with the time goes through this: otherwise it asks for something else when it is run again.
        """
        return datetime.fromisoformat(self.observe("clock", "now", lambda: {"now": timezone.now().isoformat()})["now"])

    def random(self) -> float:
        """Return a number from 0 to below 1 by chance, or the one that an earlier attempt drew here."""
        return float(self.observe("random", "number", lambda: {"number": _chance.random()})["number"])

    @property
    def usage(self) -> Usage:
        """What the step's effects have used, in all its attempts, as far as this execution came; asks no database."""
        with self._lock:
            return self._recorded.usage.plus(self._usage)

    def _used(self, usage: Usage) -> None:
        with self._lock:
            self._usage = self._usage.plus(usage)

    def pending_notes(self) -> list[JournalEntry]:
        """Return the unsaved entries that belong into the transaction of the step's outcome."""
        with self._lock:
            return [note for note in self._notes if not self._recorded.is_known_at(note.position)]

    def _add_note(
        self, position: int, kind: str, key: str, request: Mapping[str, Any], response: Mapping[str, Any]
    ) -> dict[str, Any]:
        entry = entry_new(self._ctx, position=position, kind=kind, key=key, digest=canonical_digest(request))
        entry.request = self._packed(*storable_json(request))
        stored, size_bytes = storable_json(response)
        entry.response = self._packed(stored, size_bytes)
        entry.status = JournalStatus.FINISHED
        entry.finished_at = Now()
        with self._lock:
            self._notes.append(entry)
        return stored

    def _open(self, draft: EffectDraft, position: int, *, last: int) -> dict[str, Any] | Begun:
        """Return what was recorded of an effect, or the effect that is to begin."""
        digest = canonical_digest(draft.request)
        entry = self._recorded.at(position)
        if entry is None:
            entry = entry_new(self._ctx, position=position, kind=draft.kind, key=draft.key, digest=digest)
            entry_start(entry, self._ctx, draft.decisions)
            return Begun(draft, entry, is_new=True)
        self._recorded.check_same(entry, kind=draft.kind, key=draft.key, digest=digest, request=draft.request)
        if not self._recorded.is_open(entry, last):
            return self._recorded.response_of(entry)
        if entry.status == JournalStatus.STARTED and not draft.idempotent:
            unknown_outcome_settle(self._ctx, entry, draft.unknown_outcome, request=draft.request)
        is_repeated = entry.status == JournalStatus.STARTED
        entry_start(entry, self._ctx, draft.decisions)
        return Begun(draft, entry, is_new=False, is_repeated=is_repeated)

    def _started(self, begun: Sequence[Begun]) -> Sequence[Begun]:
        """Record that effects begin, and with the first new ones what was noted before them."""
        notes = self.pending_notes() if any(each.is_new for each in begun) else []
        self._happening.start(begun, notes)
        if notes:
            with self._lock:
                self._notes = [note for note in self._notes if note not in notes]
        return begun

    def _packed(self, value: dict[str, Any], size_bytes: int) -> dict[str, Any]:
        return self._happening.packed(value, size_bytes)
