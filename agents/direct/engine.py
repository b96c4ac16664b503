"""The engine behind a call that no step makes: nothing is resumed, so nothing but money and rows is recorded."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from django.conf import settings

from agents.context import Emit, StepContext, StepWrite
from agents.errors import TaskCancelled
from agents.journal import bounded_json
from agents.types import ApprovalAnswer, ApprovalAsk, PersonMessage
from policy.errors import ApprovalRequired
from policy.types import BudgetRef, Principal
from shannon_project.foundation.ids import uuid7

AGENT_ID = "direct"
BUDGET_THRESHOLD = "BUDGET_THRESHOLD"


class DirectEngine:
    """Implements `agents.context.StepEngine`. `leave` ends the call at its next piece of text: its client is gone."""

    def __init__(self, on_delta: Callable[[str], None] | None = None) -> None:
        """Make an engine that hands text on to `on_delta`."""
        self.is_watched = on_delta is not None
        self._on_delta = on_delta
        self._is_left = threading.Event()
        self.told: list[dict[str, Any]] = []

    @contextmanager
    def transaction(self, *, begins: bool = False) -> Iterator[Emit]:  # noqa: ARG002 - books have their own
        """Open none: the books of direct calls write by themselves, many calls together."""

        def emit(kind: str, message: str = "", payload: Mapping[str, Any] | None = None) -> None:
            if kind == BUDGET_THRESHOLD:  # nobody follows a direct call by events; what concerns its price is answered
                self.told.append({"type": kind, "message": message, "payload": dict(payload or {})})

        yield emit

    def write(self, what: StepWrite) -> None:
        """Write it alone: there is no other step."""
        with self.transaction(begins=what.begins) as emit:
            what.write_with((), [emit])

    def delta(self, text: str, *, position: int) -> None:  # noqa: ARG002 - there is one text
        """Hand a piece of text to the client."""
        if self._on_delta is not None:
            self._on_delta(text)

    def leave(self) -> None:
        """The client is gone."""
        self._is_left.set()

    def approval_request(self, position: int, ask: ApprovalAsk, emit: Emit) -> bool:  # noqa: ARG002 - nobody is asked
        """Refuse: a direct call cannot wait for a person.

        Raises:
            ApprovalRequired: Always; a task of the same request would wait.
        """
        message = "A person must agree to this, and a direct call cannot wait for one: submit a task."
        raise ApprovalRequired(message, details={"action": ask.action, **bounded_json(ask.context)})

    def approval_answer(self, position: int) -> ApprovalAnswer | None:  # noqa: ARG002 - nobody is asked
        """Nobody has decided."""
        return None

    def confirm(self) -> None:
        """There is no lease to lose."""

    def call(self, timeout_seconds: float) -> AbstractContextManager[None]:  # noqa: ARG002 - the client's wait ends it
        """Surround nothing: there is no step that another worker could take."""
        return nullcontext()

    def messages_known(self) -> int:
        """Nobody speaks to a direct call."""
        return 0

    def messages_after(self, number: int) -> Sequence[PersonMessage]:  # noqa: ARG002 - there are none
        """Return nothing."""
        return ()

    def checkpoint(self) -> None:
        """Stop here if the client is gone."""
        if self._is_left.is_set():
            raise TaskCancelled("The client went away.")


def direct_context(principal: Principal, engine: DirectEngine, *, budgets: tuple[BudgetRef, ...]) -> StepContext:
    """Return the context of one call; its id stands where a step's would, in reservations and in rows of calls."""
    call_id = uuid7()
    return StepContext(
        principal=principal,
        task_id=call_id,
        step_id=call_id,
        step_key=AGENT_ID,
        attempt=1,
        session_id=call_id,
        agent_id=AGENT_ID,
        budgets=budgets,
        deadline_monotonic_seconds=time.monotonic() + settings.SHANNON_STEP_DEADLINE_SECONDS,
        engine=engine,
        is_watched=engine.is_watched,
    )
