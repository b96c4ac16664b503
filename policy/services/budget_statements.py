"""The SQL of budgets. Each statement locks the budget rows it will change, by id, before it changes anything.

Why one statement is enough under READ COMMITTED: `SELECT … FOR UPDATE` waits for whoever holds a row and then returns
the row's newest version, so the verdict is made on committed balances; the following UPDATE adds to the newest
version as well. The test with eight threads on one small budget holds this.
"""

TAKE = """
WITH locked AS MATERIALIZED (
    SELECT id, scope, scope_id, limit_tokens, spent_tokens, reserved_tokens, limit_usd, spent_usd, reserved_usd
    FROM policy_budget
    WHERE (scope, scope_id) IN (SELECT * FROM unnest(%(scopes)s::text[], %(scope_ids)s::uuid[]))
      AND (tenant_id = %(tenant_id)s) IS TRUE  -- not by the tenant's index: a tenant has a budget for every task
    ORDER BY id
    FOR NO KEY UPDATE
), asked AS MATERIALIZED (
    -- what was reserved or charged under the same key before is not asked again
    SELECT a.* FROM unnest(%(steps)s::uuid[], %(positions)s::int[], %(tokens)s::bigint[], %(usd)s::numeric[])
        AS a(step_id, position, tokens, usd)
    LEFT JOIN policy_reservation r
        ON r.step_id = a.step_id AND r.position = a.position AND r.status <> 'released'
    WHERE r.id IS NULL
), total AS MATERIALIZED (
    SELECT coalesce(sum(tokens), 0)::bigint AS tokens, coalesce(sum(usd), 0) AS usd FROM asked
), fitting AS MATERIALIZED (
    SELECT locked.*,
        limit_tokens IS NULL OR spent_tokens + reserved_tokens + total.tokens <= limit_tokens AS fits_tokens,
        limit_usd IS NULL OR spent_usd + reserved_usd + total.usd <= limit_usd AS fits_usd
    FROM locked CROSS JOIN total
), verdict AS MATERIALIZED (
    SELECT coalesce(bool_and(fits_tokens AND fits_usd), false) AND count(*) = %(budget_count)s AS fits,
        array_agg(id) AS budget_ids
    FROM fitting
), taken AS (
    INSERT INTO policy_reservation (
        id, tenant_id, step_id, position, budget_ids, status, tokens, usd,
        actual_tokens, actual_usd, created_at, closed_at
    )
    SELECT gen_random_uuid(), %(tenant_id)s, asked.step_id, asked.position, verdict.budget_ids,
        CASE WHEN %(settle)s THEN 'settled' ELSE 'held' END, asked.tokens, asked.usd,
        CASE WHEN %(settle)s THEN asked.tokens END, CASE WHEN %(settle)s THEN asked.usd END,
        statement_timestamp(), CASE WHEN %(settle)s THEN statement_timestamp() END
    FROM asked CROSS JOIN verdict
    WHERE verdict.fits
    ON CONFLICT (step_id, position) DO UPDATE
        SET status = excluded.status, tokens = excluded.tokens, usd = excluded.usd, budget_ids = excluded.budget_ids,
            actual_tokens = excluded.actual_tokens, actual_usd = excluded.actual_usd,
            created_at = excluded.created_at, closed_at = excluded.closed_at
        WHERE policy_reservation.status = 'released'
    RETURNING tokens, usd
), moved AS (
    UPDATE policy_budget b
    SET reserved_tokens = b.reserved_tokens + CASE WHEN %(settle)s THEN 0 ELSE change.tokens END,
        reserved_usd = b.reserved_usd + CASE WHEN %(settle)s THEN 0 ELSE change.usd END,
        spent_tokens = b.spent_tokens + CASE WHEN %(settle)s THEN change.tokens ELSE 0 END,
        spent_usd = b.spent_usd + CASE WHEN %(settle)s THEN change.usd ELSE 0 END
    FROM locked, (SELECT sum(tokens)::bigint AS tokens, sum(usd) AS usd FROM taken HAVING count(*) > 0) AS change
    WHERE b.id = locked.id
)
SELECT fitting.*, (SELECT count(*) > 0 FROM taken) AS taken FROM fitting ORDER BY id
"""
"""Reserve (or charge, with `settle`) effects that share budgets. Returns the budgets as they were before."""

SETTLE = """
WITH locked AS MATERIALIZED (
    SELECT b.id FROM policy_budget b
    WHERE b.id IN (
        SELECT unnest(r.budget_ids) FROM policy_reservation r
        WHERE r.step_id = %(step_id)s AND r.position = %(position)s AND r.status = %(status)s
    )
    ORDER BY b.id
    FOR NO KEY UPDATE
), ready AS MATERIALIZED (
    SELECT count(*) AS budgets FROM locked
), settled AS (
    UPDATE policy_reservation r
    SET status = 'settled', actual_tokens = %(tokens)s, actual_usd = %(usd)s, closed_at = statement_timestamp()
    FROM ready
    WHERE ready.budgets > 0 AND r.step_id = %(step_id)s AND r.position = %(position)s AND r.status = %(status)s
    RETURNING r.tokens, r.usd
)
UPDATE policy_budget b
SET reserved_tokens = b.reserved_tokens - CASE WHEN %(is_held)s THEN settled.tokens ELSE 0 END,
    reserved_usd = b.reserved_usd - CASE WHEN %(is_held)s THEN settled.usd ELSE 0 END,
    spent_tokens = b.spent_tokens + %(tokens)s,
    spent_usd = b.spent_usd + %(usd)s
FROM locked, settled
WHERE b.id = locked.id
"""
"""Settle one reservation that has the given status."""

RELEASE = """
WITH locked AS MATERIALIZED (
    SELECT b.id FROM policy_budget b
    WHERE b.id IN (
        SELECT unnest(r.budget_ids) FROM policy_reservation r
        WHERE r.step_id = %(step_id)s AND (%(position)s::int IS NULL OR r.position = %(position)s::int)
          AND r.status = 'held'
    )
    ORDER BY b.id
    FOR NO KEY UPDATE
), ready AS MATERIALIZED (
    SELECT count(*) AS budgets FROM locked
), released AS (
    UPDATE policy_reservation r
    SET status = 'released', closed_at = statement_timestamp()
    FROM ready
    WHERE ready.budgets > 0 AND r.step_id = %(step_id)s
      AND (%(position)s::int IS NULL OR r.position = %(position)s::int) AND r.status = 'held'
    RETURNING r.budget_ids, r.tokens, r.usd
), given_back AS MATERIALIZED (
    SELECT budget_id, sum(tokens)::bigint AS tokens, sum(usd) AS usd
    FROM (SELECT unnest(budget_ids) AS budget_id, tokens, usd FROM released) AS parts
    GROUP BY budget_id
)
UPDATE policy_budget b
SET reserved_tokens = b.reserved_tokens - given_back.tokens, reserved_usd = b.reserved_usd - given_back.usd
FROM given_back
WHERE b.id = given_back.budget_id
"""
"""Release what a step holds: under one position, or under all."""
