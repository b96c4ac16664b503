"""One execution of one step: the engine as the running step sees it (`agents.context.StepEngine`)."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from agents.context import Emit, StepContext, StepWrite
from agents.errors import StepDeadlineExceeded, StepSuperseded, TaskCancelled, WorkerStopping
from agents.services import node_limited, step_limited
from agents.types import ApprovalAnswer, ApprovalAsk, PersonMessage
from orchestration.budget_options import limits_from
from orchestration.engine.approvals import approval_answer, approval_put
from orchestration.engine.claim import ClaimedStep
from orchestration.engine.facts import TaskFacts
from orchestration.engine.lease import Lease
from orchestration.engine.results import messages_after
from orchestration.engine.retries import deadline_seconds
from orchestration.engine.step_writes import WRITES, Proof, StepPart, leases_prove, refusal
from orchestration.engine.stopping import STOPPING
from orchestration.engine.turns import TURNS
from orchestration.events.wake import delta_publish
from orchestration.events.write import EventDraft, events_append
from orchestration.types import TASK_TERMINAL

DELTA_FLUSH_SECONDS = 0.03  # deltas are joined for this long: a message a token would cost more than the token


class StepExecution:
    """Implements `agents.context.StepEngine` for one claimed step."""

    def __init__(
        self,
        step: ClaimedStep,
        lease: Lease,
        *,
        tenant_id: UUID,
        agent_id: str,
        deadline_monotonic_seconds: float,
        untold: list[EventDraft],
    ) -> None:
        """Make the engine of one execution; `untold` are events that go with its first transaction."""
        self._step = step
        self._tenant_id = tenant_id
        self._messages_known = step.messages_known
        self._lease = lease
        self._agent_id = agent_id
        self._deadline = deadline_monotonic_seconds
        self._untold = untold
        self._pending_delta = ""
        self._delta_position = 0
        self._delta_sent_at_seconds = 0.0
        self._proven_at_seconds = time.monotonic()

    @contextmanager
    def transaction(self, *, begins: bool = False) -> Iterator[Emit]:
        """See `agents.context.StepEngine.transaction`. Events of a task that has ended are dropped, not the rest."""
        self._may_go_on(begins=begins)
        drafts: list[EventDraft] = []

        def emit(kind: str, message: str = "", payload: Mapping[str, Any] | None = None) -> None:
            drafts.append(EventDraft(kind, message, payload or {}, self._step.key, self._agent_id))

        task_id, step_id, attempt = self._step.task_id, self._step.step_id, self._step.attempt
        asked_at_seconds = time.monotonic()
        with transaction.atomic():
            status, messages_known, ours = leases_prove(task_id, [(step_id, attempt)])
            error = refusal(status, is_ours=step_id in ours, begins=begins, step_key=self._step.key, attempt=attempt)
            self._take(Proof(status, messages_known, asked_at_seconds, error))
            yield emit
            if status not in TASK_TERMINAL:
                events_append(task_id=task_id, drafts=[*self._untold, *drafts])
        self._untold.clear()

    def write(self, what: StepWrite) -> None:
        """See `agents.context.StepEngine.write`."""
        self._may_go_on(begins=what.begins)
        step = self._step
        part = StepPart(step.step_id, step.key, step.attempt, self._agent_id, tuple(self._untold), what)
        self._take(WRITES.bring((step.task_id, type(what)), part))
        self._untold.clear()

    def _may_go_on(self, *, begins: bool) -> None:
        """Stop here before something new begins in a worker that is about to stop, and let others compute first."""
        self._flush_delta()
        if begins:
            if STOPPING.begins_nothing:
                raise WorkerStopping
            TURNS.give_way()

    def _take(self, proof: Proof) -> None:
        """Learn what a transaction found out, and stop if it wrote nothing."""
        if isinstance(proof.error, StepSuperseded):
            self._lease.is_superseded = True
            raise proof.error
        self._messages_known = proof.messages_known
        self._proven_at_seconds = proof.asked_at_seconds
        if proof.status in TASK_TERMINAL:
            self._lease.is_task_stopped = True
        if proof.error is not None:
            raise proof.error

    def delta(self, text: str, *, position: int) -> None:
        """See `agents.context.StepEngine.delta`."""
        if position != self._delta_position:
            self._flush_delta()
            self._delta_position = position
        self._pending_delta += text
        if time.monotonic() - self._delta_sent_at_seconds >= DELTA_FLUSH_SECONDS:
            self._flush_delta()

    def _flush_delta(self) -> None:
        if not self._pending_delta:
            return
        text, self._pending_delta = self._pending_delta, ""
        self._delta_sent_at_seconds = time.monotonic()
        delta_publish(
            task_id=self._step.task_id,
            step_key=self._step.key,
            agent_id=self._agent_id,
            text=text,
            position=self._delta_position,
            attempt=self._step.attempt,
        )

    def approval_request(self, position: int, ask: ApprovalAsk, emit: Emit) -> bool:
        """See `agents.context.StepEngine.approval_request`."""
        if self._lease.is_task_stopped:
            raise TaskCancelled
        told = approval_put(
            tenant_id=self._tenant_id,
            task_id=self._step.task_id,
            ask=ask,
            step_id=self._step.step_id,
            step_key=self._step.key,
            position=position,
        )
        if told is None:
            return False
        emit(told.kind, told.message, told.payload)
        return True

    def approval_answer(self, position: int) -> ApprovalAnswer | None:
        """See `agents.context.StepEngine.approval_answer`."""
        return approval_answer(step_id=self._step.step_id, position=position)

    def confirm(self) -> None:
        """See `agents.context.StepEngine.confirm`."""
        if time.monotonic() - self._proven_at_seconds > settings.SHANNON_LEASE_SECONDS:
            with self.transaction(begins=True):
                pass

    @contextmanager
    def call(self, timeout_seconds: float) -> Iterator[None]:
        """See `agents.context.StepEngine.call`."""
        ends_at_seconds = time.monotonic() + timeout_seconds + settings.SHANNON_CALL_GRACE_SECONDS
        self._lease.call_ends_at_seconds.append(ends_at_seconds)
        try:
            yield
        finally:
            self._lease.call_ends_at_seconds.remove(ends_at_seconds)

    def messages_known(self) -> int:
        """See `agents.context.StepEngine.messages_known`."""
        return self._messages_known

    def messages_after(self, number: int) -> Sequence[PersonMessage]:
        """See `agents.context.StepEngine.messages_after`."""
        return messages_after(task_id=self._step.task_id, number=number)

    def checkpoint(self) -> None:
        """See `agents.context.StepEngine.checkpoint`."""
        if self._lease.is_superseded:
            raise StepSuperseded(details={"step_key": self._step.key, "attempt": self._step.attempt})
        if self._lease.is_task_stopped:
            raise TaskCancelled
        if time.monotonic() > self._deadline:
            raise StepDeadlineExceeded(
                f"The step ran longer than {deadline_seconds(self._step.kind):.0f} s or its task's deadline.",
                details={"step_key": self._step.key},
            )


def step_context(
    step: ClaimedStep, lease: Lease, facts: TaskFacts, *, agent_id: str, untold: list[EventDraft] | None = None
) -> StepContext:
    """Build what the agent is handed. `untold` is emptied once its events have been written."""
    deadline = time.monotonic() + min(deadline_seconds(step.kind), max(facts.seconds_left, 0.0))
    lease.step_ends_at_seconds = deadline + settings.SHANNON_CALL_GRACE_SECONDS
    engine = StepExecution(
        step,
        lease,
        tenant_id=facts.principal.tenant_id,
        agent_id=agent_id,
        deadline_monotonic_seconds=deadline,
        untold=[] if untold is None else untold,
    )
    limits = facts.parameters.get("budget") or {}
    ctx = StepContext(
        principal=facts.principal,
        task_id=facts.task_id,
        step_id=step.step_id,
        step_key=step.key,
        attempt=step.attempt,
        session_id=facts.session_id,
        agent_id=agent_id,
        budgets=facts.budgets,
        deadline_monotonic_seconds=deadline,
        engine=engine,
        is_resumed=step.attempt > 1 or "fork" in facts.parameters,
        request_limits=limits_from(limits.get("request")),
    )
    if shared := step.input.get("node_budget"):
        ctx = node_limited(ctx, name=shared["name"], tokens=shared["tokens"])
    return step_limited(ctx, limits_from(limits.get("step")))
