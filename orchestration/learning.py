"""Outcomes by tenant, cluster of requests and strategy, in Postgres: added after tasks end, read by the router."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import connection

from orchestration.strategies import Record
from orchestration.strategy_models import RouteRecord

_ADD: Final = """
    INSERT INTO orchestration_routerecord AS known
        (tenant_id, cluster, strategy, runs, score_sum, tokens_sum, cost_usd_sum, seconds_sum, updated_at)
    SELECT tenant_id, cluster, strategy, count(*), sum(score), sum(tokens), sum(cost), sum(seconds), now()
    FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::float8[], %s::bigint[], %s::numeric[], %s::float8[])
        AS o(tenant_id, cluster, strategy, score, tokens, cost, seconds)
    GROUP BY tenant_id, cluster, strategy
    ORDER BY tenant_id, cluster, strategy
    ON CONFLICT (tenant_id, cluster, strategy) DO UPDATE SET
        runs = known.runs + excluded.runs,
        score_sum = known.score_sum + excluded.score_sum,
        tokens_sum = known.tokens_sum + excluded.tokens_sum,
        cost_usd_sum = known.cost_usd_sum + excluded.cost_usd_sum,
        seconds_sum = known.seconds_sum + excluded.seconds_sum,
        updated_at = now()
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one task ended. `score` is from 0 to 1."""

    tenant_id: UUID
    cluster: str
    strategy: str
    score: float
    tokens: int
    cost_usd: Decimal
    seconds: float


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
                [outcome.score for outcome in listed],
                [outcome.tokens for outcome in listed],
                [outcome.cost_usd for outcome in listed],
                [outcome.seconds for outcome in listed],
            ],
        )


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
        )
        for row in rows
    ]
