"""The journal of a direct call, which is not run again: it remembers nothing, and reads nothing."""

from typing import Any

from agents.errors import StepDeadlineExceeded, StepSuperseded, StepWaits, TaskCancelled
from agents.journal import Effect, EffectDraft, Journal
from shannon_project.foundation.errors import ShannonError

_STOPS = (TaskCancelled, StepSuperseded, StepDeadlineExceeded, StepWaits)


class DirectJournal(Journal):
    """Lets effects happen, with what goes before and after them."""

    def will_perform(self, position: int | None = None, *, last: int | None = None) -> bool:  # noqa: ARG002 - each will
        """Return that it will."""
        return True

    def kind_at(self, position: int) -> str | None:  # noqa: ARG002 - there is no earlier attempt
        """Return that there is nothing."""
        return None

    def next_key(self) -> str | None:
        """Return that there is nothing."""
        return None

    def effect(self, draft: EffectDraft, *, position: int | None = None) -> dict[str, Any]:
        """Let it happen; see `Journal.effect`. Nothing is recorded, and it is not done again."""
        place = self.reserve_positions(1)[0] if position is None else position
        engine = self._ctx.engine
        effect = Effect(place, self._ctx.attempt, idempotency_key=f"{self._ctx.step_id}:{place}")
        with engine.transaction(begins=True) as emit:
            draft.before(emit, place)
        try:
            response = draft.perform(effect)
        except _STOPS:
            raise
        except ShannonError as error:
            with engine.transaction() as emit:
                draft.on_failure(emit, place, error)
            raise
        with engine.transaction() as emit:
            draft.after(emit, place, response)
        return response
