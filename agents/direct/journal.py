"""The journal of a direct call, which is not run again: it remembers nothing, and reads nothing."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agents.errors import StepDeadlineExceeded, StepSuperseded, StepWaits, TaskCancelled
from agents.journal import Effect, Journal
from agents.journal.effect import After, Before, OnFailure, Perform, nothing
from agents.types import UnknownOutcome
from policy.types import Hold
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

    def effect(
        self,
        *,
        kind: str,  # noqa: ARG002 - nothing is recorded
        key: str,  # noqa: ARG002 - as above
        request: Mapping[str, Any],  # noqa: ARG002 - as above
        perform: Perform,
        idempotent: bool,  # noqa: ARG002 - it is not done again
        unknown_outcome: UnknownOutcome = UnknownOutcome.FAIL,  # noqa: ARG002 - as above
        before: Before = nothing,
        after: After = nothing,
        on_failure: OnFailure = nothing,
        position: int | None = None,
        decisions: Sequence[Mapping[str, Any]] = (),  # noqa: ARG002 - nothing is recorded
        hold: Callable[[int], Hold] | None = None,  # noqa: ARG002 - `before` sets aside
    ) -> dict[str, Any]:
        """Let it happen; see `Journal.effect`."""
        place = self.reserve_positions(1)[0] if position is None else position
        engine = self._ctx.engine
        effect = Effect(place, self._ctx.attempt, idempotency_key=f"{self._ctx.step_id}:{place}")
        with engine.transaction(begins=True) as emit:
            before(emit, place)
        try:
            response = perform(effect)
        except _STOPS:
            raise
        except ShannonError as error:
            with engine.transaction() as emit:
                on_failure(emit, place, error)
            raise
        with engine.transaction() as emit:
            after(emit, place, response)
        return response
