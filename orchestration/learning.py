"""Outcomes by tenant, cluster of requests and strategy, in Postgres: added after tasks end, read by the router.

What was added of a task is kept with it (`Learned`), so that what people say later of its answer replaces the score
that was added, however often they say something else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, Self
from uuid import UUID

from django.db import connection

from orchestration.models import RouteRecord, Task
from orchestration.strategies import OFFERED, Record, outcome_score, route
from orchestration.types import TaskStatus

KNOWN: Final = frozenset(OFFERED)
_ADD: Final = """
    INSERT INTO orchestration_routerecord AS known
        (tenant_id, cluster, strategy, runs, judged, score_sum, tokens_sum, cost_usd_sum, seconds_sum, updated_at)
    SELECT tenant_id, cluster, strategy, count(*), count(*) FILTER (WHERE judged), sum(score), sum(tokens), sum(cost),
        sum(seconds), now()
    FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::bool[], %s::float8[], %s::bigint[], %s::numeric[], %s::float8[])
        AS o(tenant_id, cluster, strategy, judged, score, tokens, cost, seconds)
    GROUP BY tenant_id, cluster, strategy
    ORDER BY tenant_id, cluster, strategy
    ON CONFLICT (tenant_id, cluster, strategy) DO UPDATE SET
        runs = known.runs + excluded.runs,
        judged = known.judged + excluded.judged,
        score_sum = known.score_sum + excluded.score_sum,
        tokens_sum = known.tokens_sum + excluded.tokens_sum,
        cost_usd_sum = known.cost_usd_sum + excluded.cost_usd_sum,
        seconds_sum = known.seconds_sum + excluded.seconds_sum,
        updated_at = now()
"""
# Within what there is: the record may have been forgotten meanwhile, and begun anew without this run.
_REVISE: Final = """
    UPDATE orchestration_routerecord SET
        judged = LEAST(runs, GREATEST(0, judged + %s)),
        score_sum = LEAST(runs, GREATEST(0, score_sum + %s)),
        updated_at = now()
    WHERE tenant_id = %s AND cluster = %s AND strategy = %s
"""


@dataclass(frozen=True, slots=True)
class Learned:
    """What was added to the records for one task."""

    cluster: str
    strategy: str
    score: float
    is_judged: bool

    def as_json(self) -> dict[str, Any]:
        """Return it as the task's row has it."""
        return {"cluster": self.cluster, "strategy": self.strategy, "score": self.score, "is_judged": self.is_judged}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return what `as_json` gave."""
        return cls(**value)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one task ended. `score` is from 0 to 1: what people say, else what the strategy itself says."""

    tenant_id: UUID
    cluster: str
    strategy: str
    score: float
    tokens: int
    cost_usd: Decimal
    seconds: float
    is_judged: bool = False

    @property
    def learned(self) -> Learned:
        """What is kept with the task."""
        return Learned(self.cluster, self.strategy, self.score, self.is_judged)


def outcome_of(task: Task) -> Outcome | None:
    """Return what can be learned from a task that has ended; None: nothing.

    A fork repeats parts that were paid before, and what people stop says nothing about a strategy.
    """
    strategy = str(task.result_metadata.get("routed_to") or task.strategy)
    completed = task.status == TaskStatus.COMPLETED
    said = outcome_score(completed=completed, metadata=task.result_metadata, error=task.error)
    score = said if task.feedback_score is None else task.feedback_score
    if score is None or strategy not in OFFERED or task.forked_from_id or task.completed_at is None:
        return None
    began_at = task.started_at or task.created_at
    return Outcome(
        tenant_id=task.tenant_id,
        cluster=route(task.query, KNOWN).cluster,
        strategy=strategy,
        score=score,
        tokens=task.prompt_tokens + task.completion_tokens,
        cost_usd=task.cost_usd,
        seconds=(task.completed_at - began_at).total_seconds(),
        is_judged=task.feedback_score is not None,
    )


def outcomes_add(outcomes: Iterable[Outcome]) -> None:
    """Add outcomes to the records of their tenants; one statement, whose rows are locked in one order."""
    listed = list(outcomes)
    if not listed:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _ADD,
            [
                [outcome.tenant_id for outcome in listed],
                [outcome.cluster for outcome in listed],
                [outcome.strategy for outcome in listed],
                [outcome.is_judged for outcome in listed],
                [outcome.score for outcome in listed],
                [outcome.tokens for outcome in listed],
                [outcome.cost_usd for outcome in listed],
                [outcome.seconds for outcome in listed],
            ],
        )


def outcome_revise(task: Task) -> Learned | None:
    """Bring the records up to what people say now of a task's answer; returns what is now to be kept with the task.

    One statement. A task from which nothing was learned is left to its aftermath, if that is still due; else it is
    learned from now, since the first word of a person may come long after its end.

    Args:
        task: Its row, locked by the caller, with what people say now.
    """
    now = outcome_of(task)
    if now is None or (task.learned is None and task.aftermath_due):
        return None if task.learned is None else Learned.from_json(task.learned)
    if task.learned is None:
        outcomes_add([now])
        return now.learned
    before = Learned.from_json(task.learned)
    after = replace(before, score=now.score, is_judged=now.is_judged)  # under the name that it had then
    with connection.cursor() as cursor:
        cursor.execute(
            _REVISE,
            [
                int(after.is_judged) - int(before.is_judged),
                after.score - before.score,
                task.tenant_id,
                before.cluster,
                before.strategy,
            ],
        )
    return after


def records_of(*, tenant_id: UUID, cluster: str) -> list[Record]:
    """Return how each strategy fared on the tenant's requests of a cluster. One query, by the unique index."""
    rows = RouteRecord.objects.filter(tenant_id=tenant_id, cluster=cluster, runs__gt=0).order_by("strategy")
    return [
        Record(
            strategy=row.strategy,
            runs=row.runs,
            score=row.score_sum / row.runs,
            tokens=row.tokens_sum / row.runs,
            cost_usd=float(row.cost_usd_sum) / row.runs,
            seconds=row.seconds_sum / row.runs,
            judged=row.judged,
        )
        for row in rows
    ]
