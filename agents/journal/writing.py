"""What the journal writes when effects begin and when they have ended; of many steps at once, in few statements."""

from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import ClassVar

from agents.context import Emit, StepWrite
from agents.journal.base import JournalStore
from agents.journal.effect import Begun
from agents.models import JournalEntry
from policy.services import budgets_held
from policy.types import Hold
from shannon_project.foundation.gathering import writes_gathered


@dataclass(frozen=True, slots=True)
class Beginning(StepWrite):
    """Effects of a step that begin, and what was noted before them."""

    begins: ClassVar[bool] = True
    store: JournalStore
    begun: Sequence[Begun]
    notes: Sequence[JournalEntry]

    def write_with(self, others: Sequence["Beginning"], emits: Sequence[Emit]) -> Collection[int]:
        """Set money aside for all of them, insert their rows, and let each tell what begins.

        A step for which money cannot simply be set aside begins its effects alone.
        """
        all_of_them = (self, *others)
        holds = [each._holds() for each in all_of_them]
        wanted = [hold for some in holds for hold in some] if others else []
        with budgets_held(wanted) as held:
            alone = {n for n, some in enumerate(holds) if others and not {_key(hold) for hold in some} <= held}
            together = [(each, emits[n]) for n, each in enumerate(all_of_them) if n not in alone]
            if rows := [row for each, _ in together for row in each._rows()]:
                self.store.insert(rows)
            if again := [begun.entry for each, _ in together for begun in each.begun if not begun.is_new]:
                self.store.update(again)
            for each, emit in together:
                for begun in each.begun:
                    begun.draft.before(emit, begun.entry.position)
        return alone

    def _rows(self) -> list[JournalEntry]:
        new = [each.entry for each in self.begun if each.is_new]
        return [*self.notes, *new] if new else []

    def _holds(self) -> list[Hold]:
        return [each.draft.hold(each.entry.position) for each in self.begun if each.draft.hold is not None]


@dataclass(frozen=True, slots=True)
class Ending(StepWrite):
    """Effects of a step that have ended. `is_written`: whether an earlier try to write it was committed after all."""

    begins: ClassVar[bool] = False
    store: JournalStore
    entries: Sequence[JournalEntry]
    tell: Callable[[Emit], None]
    is_written: Callable[[], bool] = lambda: False

    def write_with(self, others: Sequence["Ending"], emits: Sequence[Emit]) -> Collection[int]:
        """Write what became of all of them, what each cost, and what is told of it."""
        ended = [(each, emit) for each, emit in zip((self, *others), emits, strict=True) if not each.is_written()]
        if entries := [entry for each, _ in ended for entry in each.entries]:
            self.store.update(entries)
        with writes_gathered() if others else nullcontext():
            for each, emit in ended:
                each.tell(emit)
        return ()


def _key(hold: Hold) -> tuple[object, int]:
    return hold.step_id, hold.position
