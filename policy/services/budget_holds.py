"""Setting money aside for many effects at once, where nothing has to be decided about any of them."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from policy.services.budget_rows import of_budgets
from policy.services.budget_statements import LOCKED
from policy.types import Hold
from shannon_project.foundation.database import rows_of, sent

_HOLD: Final = f"""
WITH {LOCKED}, asked AS MATERIALIZED (
    SELECT *, min(number) OVER (PARTITION BY step_id) AS place FROM unnest(
        %(steps)s::uuid[], %(positions)s::int[], %(tokens)s::bigint[], %(usd)s::numeric[], %(user_ids)s::text[],
        %(task_ids)s::uuid[], %(models)s::text[]
    ) WITH ORDINALITY AS a(step_id, position, tokens, usd, user_id, task_id, model, number)
), summed AS MATERIALIZED (
    -- in their order, those of one step together: the sum of all up to each
    SELECT *, sum(tokens) OVER in_order AS tokens_to_here, sum(usd) OVER in_order AS usd_to_here
    FROM asked WINDOW in_order AS (ORDER BY place)
), total AS MATERIALIZED (
    SELECT DISTINCT place, tokens_to_here AS tokens, usd_to_here AS usd FROM summed
), fitting AS MATERIALIZED (
    SELECT total.place, array_agg(locked.id) AS budget_ids
    FROM locked CROSS JOIN total
    WHERE NOT EXISTS (
        SELECT FROM policy_reservation r JOIN asked a ON a.step_id = r.step_id AND a.position = r.position
    )
    GROUP BY total.place
    HAVING bool_and(
            (limit_tokens IS NULL OR spent_tokens + reserved_tokens + total.tokens <= limit_tokens)
            AND (limit_usd IS NULL OR spent_usd + reserved_usd + total.usd <= limit_usd)
            -- below everything at which somebody is told or asked, or the call is made cheaper
            AND greatest(
                coalesce((spent_tokens + reserved_tokens + total.tokens) * 100.0 / NULLIF(limit_tokens, 0), 0),
                coalesce((spent_usd + reserved_usd + total.usd) * 100.0 / NULLIF(limit_usd, 0), 0)
            ) < coalesce(least(
                cheaper_tier_percent, smaller_output_percent,
                CASE WHEN consented_at IS NULL THEN ask_person_percent END,
                CASE WHEN notified_at IS NULL THEN notify_percent END
            ), 'infinity'::float8)
        )
        AND count(DISTINCT (scope, scope_id)) FILTER (WHERE scope <> 'user') = %(required)s
), taken AS (
    INSERT INTO policy_reservation (
        id, tenant_id, step_id, position, budget_ids, status, level, tokens, usd, user_id, task_id, model, created_at
    )
    SELECT gen_random_uuid(), %(tenant_id)s, a.step_id, a.position, fitting.budget_ids, 'held', 0, a.tokens, a.usd,
        a.user_id, a.task_id, a.model, statement_timestamp()
    FROM asked a JOIN fitting USING (place)
    ON CONFLICT (step_id, position) DO NOTHING
    RETURNING step_id, position, tokens, usd
), moved AS (
    UPDATE policy_budget b
    SET reserved_tokens = b.reserved_tokens + change.tokens, reserved_usd = b.reserved_usd + change.usd,
        spent_tokens = locked.spent_tokens, spent_usd = locked.spent_usd, period_start = locked.period_start,
        notified_at = locked.notified_at, consented_at = locked.consented_at
    FROM locked, (SELECT sum(tokens)::bigint AS tokens, sum(usd) AS usd FROM taken HAVING count(*) > 0) AS change
    WHERE b.id = locked.id
)
SELECT step_id, position FROM taken
"""  # noqa: S608 - made of constants
"""Reserve many effects that share budgets as they are asked for: the first of them, as long as nothing has to be
decided about any. Returns those that were reserved: of a step all or none."""

_now = threading.local()


@contextmanager
def budgets_held(holds: Sequence[Hold]) -> Iterator[frozenset[tuple[UUID, int]]]:
    """Set money aside for effects that share tenant and budgets with the first: in their order, for as many as fit.

    One statement, in the caller's transaction. It ends with the step whose effects a budget does not cover any more, or
    that comes to a threshold, and does nothing if one of the effects is known: who got nothing is to ask
    `budget_reserve`, which decides. Of a step's effects all are paid for or none.

    Yields:
        Step and position of those for which money was set aside; `budget_reserve` asks nothing more for them within.
    """
    _now.held = _held(holds)
    try:
        yield _now.held
    finally:
        _now.held = frozenset()


def is_held(step_id: UUID, position: int) -> bool:
    """Return whether money was set aside for an effect by `budgets_held`, in this thread and just now."""
    return (step_id, position) in getattr(_now, "held", frozenset())


def _held(holds: Sequence[Hold]) -> frozenset[tuple[UUID, int]]:
    if not holds:
        return frozenset()
    payers = (holds[0].tenant_id, holds[0].budgets)
    alike = [hold for hold in holds if (hold.tenant_id, hold.budgets) == payers]
    values = {
        **of_budgets(*payers),
        "steps": [hold.step_id for hold in alike],
        "positions": [hold.position for hold in alike],
        "tokens": [hold.amount.tokens for hold in alike],
        "usd": [hold.amount.usd for hold in alike],
        "user_ids": [hold.purchase.user_id for hold in alike],
        "task_ids": [hold.purchase.task_id for hold in alike],
        "models": [hold.purchase.model for hold in alike],
    }
    return frozenset((row["step_id"], row["position"]) for row in rows_of(sent(_HOLD, values)))
