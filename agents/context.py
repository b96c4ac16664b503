"""What a step is handed by the engine. The agent does everything through it and knows nothing above it."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol
from uuid import UUID

from agents.types import ApprovalAnswer, ApprovalAsk, PersonMessage
from policy.types import BudgetLimits, BudgetRef, Principal


class Emit(Protocol):
    """Adds an event to the transaction that is open."""

    def __call__(self, kind: str, message: str = "", payload: Mapping[str, Any] | None = None) -> None:
        """Add an event.

        Args:
            kind: One of the API's event names, for example `TOOL_INVOKED`.
            message: One line for a person.
            payload: JSON values; large ones are the caller's to bound.
        """


class StepWrite(ABC):
    """Something that a step writes in a transaction of its engine, maybe together with what other steps write."""

    begins: ClassVar[bool]
    """Whether something new begins with it, see `StepEngine.transaction`."""

    @abstractmethod
    def write_with(self, others: Sequence[Any], emits: Sequence[Emit]) -> Collection[int]:
        """Write this and others of its class in the transaction that is open, in few statements.

        It is called in any thread, and again if the transaction did not commit.

        Args:
            others: What else is written.
            emits: To be told the events of this one, then those of each other.

        Returns:
            Numbers, as in `emits`, of those that have to be written alone: nothing was written of them. None of them
            if there are no others.
        """


class StepEngine(Protocol):
    """The engine, as a running step sees it."""

    def transaction(self, *, begins: bool = False) -> AbstractContextManager[Emit]:
        """Open a transaction in which the step's lease is proven to be ours.

        Events that are emitted commit with it, and readers are woken after the commit.

        Args:
            begins: Whether something new begins with it, an effect or the step itself.

        Raises:
            StepSuperseded: Another worker holds the step now; nothing was written.
            TaskPaused: Something new was to begin, and the task is paused; nothing was written.
            TaskCancelled: Something new was to begin, and the task has ended; nothing was written.
            WorkerStopping: Something new was to begin, and this worker is about to stop; nothing was written.
        """

    def write(self, what: StepWrite) -> None:
        """Write something in such a transaction, which other steps of the task may share.

        Raises:
            StepSuperseded, TaskPaused, TaskCancelled, WorkerStopping: As `transaction`; nothing was written.
            ShannonError: What `what` raised; likewise.
        """

    def delta(self, text: str, *, position: int) -> None:
        """Send a piece of model text to whoever watches live; it is not stored.

        Args:
            text: The piece.
            position: The model call's place in the step's journal, which tells one text from another.
        """

    def approval_request(self, position: int, ask: ApprovalAsk, emit: Emit) -> bool:
        """Put a question to people, in the transaction that is open; return False if it was put before.

        Args:
            position: The place in the step's journal at which it is asked.
            ask: The question.
            emit: Of the open transaction.

        Raises:
            TaskCancelled: The task has ended: there is nothing to ask for any more.
        """

    def approval_answer(self, position: int) -> ApprovalAnswer | None:
        """Return what was decided about the question at this position; None while nobody has decided."""

    def confirm(self) -> None:
        """Stop here if this process stood still since the step's last transaction, and lost the step meanwhile.

        Asked right before an effect. It costs nothing while a lease has not gone by since that transaction.

        Raises:
            StepSuperseded: Another worker holds the step now.
            TaskPaused: The task was paused meanwhile.
        """

    def call(self, timeout_seconds: float) -> AbstractContextManager[None]:
        """Surround a call to something outside that may never return.

        If it lasts longer than it may and a little more, the step is taken from this thread, whatever that is doing,
        and run again by another one; when the call returns after all, the step is superseded here.

        Args:
            timeout_seconds: How long the call may take.
        """

    def messages_known(self) -> int:
        """Return how many messages people had sent to the task when its row was last read; asks no database."""

    def messages_after(self, number: int) -> Sequence[PersonMessage]:
        """Return what people said to the task's agents after that message, oldest first; one query."""

    def checkpoint(self) -> None:
        """Stop here if the step must not go on.

        Raises:
            TaskCancelled: The task was cancelled.
            StepSuperseded: Another worker holds the step now.
            StepDeadlineExceeded: The step ran out of time.
        """


@dataclass(frozen=True, slots=True)
class StepContext:
    """One execution of a step: whose it is, which it is, what pays for it, and the engine behind it."""

    principal: Principal
    task_id: UUID
    step_id: UUID
    step_key: str
    attempt: int
    session_id: UUID
    agent_id: str
    budgets: tuple[BudgetRef, ...]
    deadline_monotonic_seconds: float
    engine: StepEngine
    is_watched: bool = True
    """Whether somebody may follow a model's text while it is written; if not, answers are asked for whole."""
    is_resumed: bool = True
    """Whether something may be recorded of the step: by an earlier attempt, or by the task of which this is a fork."""
    request_limits: BudgetLimits = field(default_factory=BudgetLimits)
    """What each model call may use at most."""

    @property
    def paid_task_id(self) -> UUID | None:
        """The task in the accounts; None for a direct call, which is its own task and step."""
        return None if self.task_id == self.step_id else self.task_id
