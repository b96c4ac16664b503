"""Running a step against its journal alone: whatever the journal does not hold is refused, so nothing happens."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

from agents.context import Emit, StepContext, StepWrite
from agents.journal import Journal
from agents.journal.recorded import Recorded
from agents.models import JournalEntry
from agents.types import ApprovalAnswer, ApprovalAsk, PersonMessage
from shannon_project.foundation.errors import ShannonError

_OF_PROMPTS: Final = frozenset({"model", "approval"})  # their requests are made of what models are asked


class EffectWanted(ShannonError):
    """The step asks for an effect that its journal does not hold."""

    code = "EFFECT_WANTED"
    http_status = 409


class ReplayEngine:
    """Implements `agents.context.StepEngine` without any effect: what is recorded is read, all else is refused."""

    @contextmanager
    def transaction(self, *, begins: bool = False) -> Iterator[Emit]:
        """Open nothing.

        Raises:
            EffectWanted: Something new was to begin.
        """

        def emit(kind: str, message: str = "", payload: Mapping[str, Any] | None = None) -> None:
            """Nobody is told anything."""

        if begins:
            raise EffectWanted
        yield emit

    def write(self, what: StepWrite) -> None:
        """Write nothing of what is new."""
        with self.transaction(begins=what.begins) as emit:
            what.write_with((), [emit])

    def delta(self, text: str, *, position: int) -> None:
        """Nobody watches."""

    def approval_request(self, position: int, ask: ApprovalAsk, emit: Emit) -> bool:  # noqa: ARG002 - nobody is asked
        """Ask nobody.

        Raises:
            EffectWanted: Always.
        """
        raise EffectWanted

    def approval_answer(self, position: int) -> ApprovalAnswer | None:  # noqa: ARG002 - recorded ones are not asked for
        """Nobody has decided."""
        return None

    def confirm(self) -> None:
        """There is no lease to lose."""

    def call(self, timeout_seconds: float) -> AbstractContextManager[None]:  # noqa: ARG002 - nothing is called
        """Surround nothing."""
        return nullcontext()

    def messages_known(self) -> int:
        """Nobody has spoken but in what is recorded."""
        return 0

    def messages_after(self, number: int) -> Sequence[PersonMessage]:  # noqa: ARG002 - there are none
        """Return nothing."""
        return ()

    def checkpoint(self) -> None:
        """Refuse: a step looks here only before it does something.

        Raises:
            EffectWanted: Always.
        """
        raise EffectWanted


class ReplayJournal(Journal):
    """A journal that is compared with what a step asks for now; without `with_prompts`, not word for word of models."""

    def __init__(self, ctx: StepContext, *, with_prompts: bool) -> None:
        """Open the journal of `ctx.step_id`."""
        super().__init__(ctx)
        if not with_prompts:
            self._recorded = _WithoutPrompts(ctx, self._store, self._blobs)


class _WithoutPrompts(Recorded):
    """What was recorded, in which models may be asked in other words."""

    def check_same(self, entry: JournalEntry, *, kind: str, key: str, digest: str, request: Mapping[str, Any]) -> None:
        if entry.kind in _OF_PROMPTS:
            digest = entry.request_digest
        super().check_same(entry, kind=kind, key=key, digest=digest, request=request)
