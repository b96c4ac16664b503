"""What every step of a task needs to know of it, looked up once for those that are at work in this process."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID
from weakref import WeakValueDictionary

from agents.selectors import messages_before
from orchestration.models import Task
from policy.types import BudgetRef, BudgetScope, Principal, payer_refs
from shannon_project.foundation.database import prepared_cursor
from shannon_project.foundation.desk import Desk

ASKING_AT_ONCE: Final = 1_000
SHARED_SECONDS: Final = 1.0  # a pause moves the deadline: so much too early may a step see it at most

# Of fixed text, since every drainer begins with it: to have the ORM make it takes longer than to run it.
_TASK: Final = """
    SELECT t.session_id, t.principal::text, t.query, t.strategy, t.parameters::text,
        extract(epoch FROM t.deadline_at - coalesce(t.clock_stopped_at, statement_timestamp()))::float8,
        t.traceparent, n.weight
    FROM orchestration_task t JOIN policy_tenant n ON n.id = t.tenant_id
    WHERE t.id = %s
"""

Conversation = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class TaskFacts:
    """What every step of a task needs to know of it; nothing here changes while the task runs, unless it is paused."""

    task_id: UUID
    session_id: UUID
    principal: Principal
    query: str
    strategy: str
    parameters: Mapping[str, Any]
    budgets: tuple[BudgetRef, ...]
    deadline_monotonic_seconds: float
    read_at_monotonic_seconds: float
    traceparent: str = ""
    """Of the trace that the task belongs to."""
    weight: int = 1
    """The tenant's share of what workers have."""
    _said: list[Conversation] = field(default_factory=list, compare=False, repr=False)

    @property
    def asked_in(self) -> UUID:
        """The task before whose question the conversation ends: a fork's is the one that it repeats."""
        fork = self.parameters.get("fork")
        return UUID(fork["asked_in"]) if fork else self.task_id

    @property
    def seconds_left(self) -> float:
        """How long the task may still run; below 0 when its time is over."""
        return self.deadline_monotonic_seconds - time.monotonic()

    def conversation(self) -> Conversation:
        """Return what was said before the request (`messages_before`), looked up once for all who share these facts.

        A step reads it through its journal: when it is run again elsewhere, a message may have come in between.
        """
        if not self._said:
            self._said.append(messages_before(session_id=self.session_id, task_id=self.asked_in))
        return self._said[0]


def task_facts(task_id: UUID) -> TaskFacts:
    """Load the facts of a task; one query, which drainers of this process that begin at the same time share.

    Raises:
        Task.DoesNotExist: There is no such task.
    """
    return _FACTS.bring(task_id, None)


def facts_shared(task_id: UUID) -> TaskFacts:
    """Return the facts of a task for a drainer: those of one that is at work on it here and began a moment ago, if any.

    Raises:
        Task.DoesNotExist: There is no such task.
    """
    known = _AT_WORK.get(task_id)
    if known is not None and time.monotonic() - known.read_at_monotonic_seconds < SHARED_SECONDS:
        return known
    facts = _AT_WORK[task_id] = task_facts(task_id)
    return facts


def _task_facts(task_id: UUID) -> TaskFacts:
    asked_at_seconds = time.monotonic()
    with prepared_cursor() as cursor:
        cursor.execute(_TASK, [task_id])
        row = cursor.fetchone()
    if row is None:
        raise Task.DoesNotExist
    session_id, principal_json, query, strategy, parameters_json, left_seconds, trace, weight = row
    principal = Principal.from_json(json.loads(principal_json))
    return TaskFacts(
        task_id=task_id,
        session_id=session_id,
        principal=principal,
        query=query,
        strategy=strategy,
        parameters=json.loads(parameters_json),
        budgets=(
            BudgetRef(BudgetScope.TASK, task_id),
            BudgetRef(BudgetScope.SESSION, session_id),
            *payer_refs(principal),
        ),
        deadline_monotonic_seconds=asked_at_seconds + left_seconds,
        read_at_monotonic_seconds=asked_at_seconds,
        traceparent=trace,
        weight=weight,
    )


_FACTS: Final[Desk[UUID, None, TaskFacts]] = Desk(
    lambda task_id, asking: [_task_facts(task_id)] * len(asking), at_once=ASKING_AT_ONCE
)
# Of tasks that have drainers here: who holds the facts keeps them.
_AT_WORK: Final[WeakValueDictionary[UUID, TaskFacts]] = WeakValueDictionary()
