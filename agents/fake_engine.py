"""An engine without leases, for tests: it counts transactions and keeps what is emitted."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction

from agents.context import Emit, StepContext, StepWrite
from agents.errors import TaskCancelled, TaskPaused
from agents.types import ApprovalAnswer, ApprovalAsk, PersonMessage
from policy.types import BudgetRef, Principal
from shannon_project.foundation.errors import ShannonError
from shannon_project.foundation.ids import uuid7


@dataclass(frozen=True, slots=True)
class FakeEvent:
    """An event that was committed."""

    kind: str
    message: str
    payload: Mapping[str, Any]


@dataclass
class FakeStepEngine:
    """Implements `StepEngine`.

    `uses_database`: transactions are real ones. `cancel_at_checkpoint`: the n-th checkpoint (from 1) raises
    `TaskCancelled`. `is_paused`: nothing new begins. `answers`: what people say, by position; without one a step waits.
    `stops_before_effect`: what `confirm` raises, once.
    """

    uses_database: bool = False
    is_paused: bool = False
    cancel_at_checkpoint: int | None = None
    events: list[FakeEvent] = field(default_factory=list)
    call_timeouts: list[float] = field(default_factory=list)
    deltas: list[str] = field(default_factory=list)
    asked: dict[int, ApprovalAsk] = field(default_factory=dict)
    answers: dict[int, ApprovalAnswer] = field(default_factory=dict)
    messages: list[PersonMessage] = field(default_factory=list)
    stops_before_effect: ShannonError | None = None
    transactions: int = 0
    checkpoints: int = 0

    @contextmanager
    def transaction(self, *, begins: bool = False) -> Iterator[Emit]:
        """Open a transaction; its events are kept only if it ends well."""
        if begins and self.is_paused:
            raise TaskPaused
        emitted: list[FakeEvent] = []

        def emit(kind: str, message: str = "", payload: Mapping[str, Any] | None = None) -> None:
            emitted.append(FakeEvent(kind, message, payload or {}))

        with transaction.atomic() if self.uses_database else nullcontext():
            yield emit
        self.transactions += 1
        self.events.extend(emitted)

    def write(self, what: StepWrite) -> None:
        """Write it alone."""
        with self.transaction(begins=what.begins) as emit:
            what.write_with((), [emit])

    def delta(self, text: str, *, position: int) -> None:  # noqa: ARG002 - the texts are what tests look at
        """Keep the piece of text."""
        self.deltas.append(text)

    def approval_request(self, position: int, ask: ApprovalAsk, emit: Emit) -> bool:
        """Keep the question, once."""
        if position in self.asked:
            return False
        self.asked[position] = ask
        emit("APPROVAL_REQUESTED", ask.message, {"action": ask.action})
        return True

    def approval_answer(self, position: int) -> ApprovalAnswer | None:
        """Return the answer that the test gave."""
        return self.answers.get(position)

    def confirm(self) -> None:
        """Raise what the test wants to come between an effect's start and the effect."""
        error, self.stops_before_effect = self.stops_before_effect, None
        if error is not None:
            raise error

    def call(self, timeout_seconds: float) -> AbstractContextManager[None]:
        """Keep how long it may take."""
        self.call_timeouts.append(timeout_seconds)
        return nullcontext()

    def messages_known(self) -> int:
        """Return how many messages the test sent."""
        return len(self.messages)

    def messages_after(self, number: int) -> Sequence[PersonMessage]:
        """Return the test's messages."""
        return self.messages[number:]

    def checkpoint(self) -> None:
        """Count, and cancel where asked to."""
        self.checkpoints += 1
        if self.cancel_at_checkpoint == self.checkpoints:
            raise TaskCancelled

    def kinds(self) -> list[str]:
        """Return the kinds of the committed events, in order."""
        return [event.kind for event in self.events]


def fake_context(
    *,
    engine: FakeStepEngine,
    principal: Principal,
    session_id: UUID | None = None,
    step_id: UUID | None = None,
    attempt: int = 1,
    budgets: tuple[BudgetRef, ...] = (),
    deadline_seconds: float = 60.0,
) -> StepContext:
    """Return a context whose step has `deadline_seconds` from now; ids that are not given are new."""
    return StepContext(
        principal=principal,
        task_id=uuid7(),
        step_id=step_id or uuid7(),
        step_key="agent-1",
        attempt=attempt,
        session_id=session_id or uuid7(),
        agent_id="agent-1",
        budgets=budgets,
        deadline_monotonic_seconds=time.monotonic() + deadline_seconds,
        engine=engine,
    )
