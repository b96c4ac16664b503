"""The SQL of budgets. Each statement locks the budget rows it will change, by id, before it changes anything.

Why one statement is enough under READ COMMITTED: `SELECT … FOR UPDATE` waits for whoever holds a row and then returns
the row's newest version, so the verdict is made on committed balances; the following UPDATE adds to the newest
version as well. The tests with threads and processes on one small budget hold this.

A budget of a day or a month begins anew by itself: whoever touches it after its period is over counts from zero. What
is reserved stays, and counts as spent in the period in which it is settled.
"""

ROLLED = "(period_start < date_trunc(NULLIF(period, ''), now(), 'UTC')) IS TRUE"

LOCKED = f"""
locked AS MATERIALIZED (
    SELECT id, scope, scope_id, period, subject, limit_tokens, limit_usd, reserved_tokens, reserved_usd,
        notify_percent, cheaper_tier_percent, smaller_output_percent, ask_person_percent,
        CASE WHEN {ROLLED} THEN 0 ELSE spent_tokens END AS spent_tokens,
        CASE WHEN {ROLLED} THEN 0 ELSE spent_usd END AS spent_usd,
        CASE WHEN {ROLLED} THEN now() ELSE period_start END AS period_start,
        CASE WHEN {ROLLED} THEN NULL ELSE notified_at END AS notified_at,
        CASE WHEN {ROLLED} THEN NULL ELSE consented_at END AS consented_at
    FROM policy_budget
    WHERE (scope, scope_id) IN (SELECT * FROM unnest(%(scopes)s::text[], %(scope_ids)s::uuid[]))
      AND (tenant_id = %(tenant_id)s) IS TRUE  -- not by the tenant's index: a tenant has a budget for every task
    ORDER BY id
    FOR NO KEY UPDATE
)"""  # noqa: S608 - made of constants
"""Every budget of these scopes, whatever its period, as it counts now."""

LOCK_NAMED = """
SELECT id FROM policy_budget
WHERE (scope, scope_id) IN (SELECT * FROM unnest(%(scopes)s::text[], %(scope_ids)s::uuid[]))
  AND (tenant_id = %(tenant_id)s) IS TRUE
ORDER BY id
FOR NO KEY UPDATE
"""
"""Lock the budgets of several reservations, as each of them will."""

RESERVE = f"""
WITH {LOCKED}, known AS MATERIALIZED (
    SELECT level FROM policy_reservation
    WHERE step_id = %(step_id)s AND position = %(position)s AND status <> 'released'
), used AS MATERIALIZED (
    SELECT locked.*, greatest(
        coalesce((spent_tokens + reserved_tokens) * 100.0 / NULLIF(limit_tokens, 0), 0),
        coalesce((spent_usd + reserved_usd) * 100.0 / NULLIF(limit_usd, 0), 0)
    ) AS used_percent
    FROM locked
), bounds AS MATERIALIZED (
    SELECT
        max(CASE WHEN used_percent >= smaller_output_percent THEN 2 WHEN used_percent >= cheaper_tier_percent THEN 1
            ELSE 0 END) AS demanded,
        max(CASE WHEN smaller_output_percent IS NOT NULL THEN 2 WHEN cheaper_tier_percent IS NOT NULL THEN 1
            ELSE 0 END) AS allowed,
        coalesce(bool_or(used_percent >= ask_person_percent AND consented_at IS NULL), false) AS asks,
        count(DISTINCT (scope, scope_id)) FILTER (WHERE scope <> 'user') = %(required)s AS is_complete,
        array_agg(id) AS budget_ids
    FROM used
), fitting AS MATERIALIZED (
    SELECT v.level, v.tokens, v.usd, bool_and(
        (limit_tokens IS NULL OR spent_tokens + reserved_tokens + v.tokens <= limit_tokens)
        AND (limit_usd IS NULL OR spent_usd + reserved_usd + v.usd <= limit_usd)
    ) AS fits
    FROM unnest(%(levels)s::int[], %(tokens)s::bigint[], %(usd)s::numeric[]) AS v(level, tokens, usd) CROSS JOIN used
    GROUP BY v.level, v.tokens, v.usd
), chosen AS MATERIALIZED (
    SELECT fitting.* FROM fitting CROSS JOIN bounds
    WHERE bounds.is_complete AND fitting.fits AND fitting.level BETWEEN bounds.demanded AND bounds.allowed
      AND NOT EXISTS (SELECT FROM known)
    ORDER BY fitting.level LIMIT 1
), taken AS (
    INSERT INTO policy_reservation (
        id, tenant_id, step_id, position, budget_ids, status, level, tokens, usd, user_id, task_id, model, created_at
    )
    SELECT gen_random_uuid(), %(tenant_id)s, %(step_id)s, %(position)s, bounds.budget_ids, 'held', chosen.level,
        chosen.tokens, chosen.usd, %(user_id)s, %(task_id)s, %(model)s, statement_timestamp()
    FROM chosen CROSS JOIN bounds
    WHERE NOT bounds.asks OR %(is_consented)s OR %(was_begun)s
    ON CONFLICT (step_id, position) DO UPDATE
        SET status = 'held', level = excluded.level, tokens = excluded.tokens, usd = excluded.usd,
            budget_ids = excluded.budget_ids, user_id = excluded.user_id, task_id = excluded.task_id,
            model = excluded.model, created_at = excluded.created_at, closed_at = NULL
        WHERE policy_reservation.status = 'released'
    RETURNING level, tokens, usd
), verdict AS MATERIALIZED (
    SELECT used.*, taken.tokens AS taken_tokens, taken.usd AS taken_usd,
        taken.level IS NOT NULL AND notified_at IS NULL AND greatest(
            coalesce((spent_tokens + reserved_tokens + taken.tokens) * 100.0 / NULLIF(limit_tokens, 0), 0),
            coalesce((spent_usd + reserved_usd + taken.usd) * 100.0 / NULLIF(limit_usd, 0), 0)
        ) >= notify_percent AS is_crossed,
        (used_percent >= ask_person_percent AND consented_at IS NULL) IS TRUE AS asks
    FROM used LEFT JOIN taken ON true
), moved AS (
    UPDATE policy_budget b
    SET reserved_tokens = b.reserved_tokens + verdict.taken_tokens,
        reserved_usd = b.reserved_usd + verdict.taken_usd,
        spent_tokens = verdict.spent_tokens, spent_usd = verdict.spent_usd, period_start = verdict.period_start,
        notified_at = CASE WHEN verdict.is_crossed THEN statement_timestamp() ELSE verdict.notified_at END,
        consented_at = CASE WHEN verdict.asks AND %(is_consented)s THEN statement_timestamp()
            ELSE verdict.consented_at END
    FROM verdict
    WHERE b.id = verdict.id AND verdict.taken_tokens IS NOT NULL
)
SELECT verdict.*, bounds.allowed, (SELECT level FROM taken) AS level, (SELECT level FROM known) AS known_level,
    (SELECT level FROM chosen) AS fitting_level
FROM verdict CROSS JOIN bounds ORDER BY verdict.id
"""  # noqa: S608 - made of constants
"""Reserve one effect in the first of several ways that fits, unless a person is to be asked first. Returns the budgets
as they were before. Who asked a person and comes back with a yes is not asked again: neither is anybody else, before
the budget's limit is changed or its period begins anew."""

CHARGE = f"""
WITH {LOCKED}, asked AS MATERIALIZED (
    -- what was reserved or charged under the same key before is not asked again
    SELECT a.* FROM unnest(
        %(steps)s::uuid[], %(positions)s::int[], %(tokens)s::bigint[], %(usd)s::numeric[], %(user_ids)s::text[],
        %(task_ids)s::uuid[], %(models)s::text[], %(prompts)s::bigint[], %(completions)s::bigint[], %(priced)s::bool[],
        %(estimated)s::bool[]
    ) AS a(step_id, position, tokens, usd, user_id, task_id, model, prompt, completion, is_priced, is_estimate)
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
    SELECT coalesce(bool_and(fits_tokens AND fits_usd) OR %(is_spent)s, false)
            AND count(DISTINCT (scope, scope_id)) FILTER (WHERE scope <> 'user') = %(required)s AS fits,
        array_agg(id) AS budget_ids
    FROM fitting
), taken AS (
    INSERT INTO policy_reservation (
        id, tenant_id, step_id, position, budget_ids, status, level, tokens, usd, user_id, task_id, model,
        actual_tokens, actual_usd, created_at, closed_at
    )
    SELECT gen_random_uuid(), %(tenant_id)s, asked.step_id, asked.position, verdict.budget_ids, 'settled', 0,
        asked.tokens, asked.usd, asked.user_id, asked.task_id, asked.model, asked.tokens, asked.usd,
        statement_timestamp(), statement_timestamp()
    FROM asked CROSS JOIN verdict
    WHERE verdict.fits
    ON CONFLICT (step_id, position) DO UPDATE
        SET status = 'settled', tokens = excluded.tokens, usd = excluded.usd, budget_ids = excluded.budget_ids,
            actual_tokens = excluded.actual_tokens, actual_usd = excluded.actual_usd,
            created_at = excluded.created_at, closed_at = excluded.closed_at
        WHERE policy_reservation.status = 'released'
    RETURNING step_id, position, budget_ids, tokens, usd
), entered AS (
    INSERT INTO policy_ledgerentry (
        id, tenant_id, user_id, task_id, step_id, position, budget_ids, kind, model, prompt_tokens, completion_tokens,
        tokens, usd, is_price_known, is_estimate, created_at
    )
    SELECT gen_random_uuid(), %(tenant_id)s, a.user_id, a.task_id, a.step_id, a.position, t.budget_ids, 'charged',
        a.model, a.prompt, a.completion, t.tokens, t.usd, a.is_priced, a.is_estimate, clock_timestamp()
    FROM taken t JOIN asked a ON a.step_id = t.step_id AND a.position = t.position
), moved AS (
    UPDATE policy_budget b
    SET spent_tokens = locked.spent_tokens + change.tokens, spent_usd = locked.spent_usd + change.usd,
        period_start = locked.period_start, notified_at = locked.notified_at, consented_at = locked.consented_at
    FROM locked, (SELECT sum(tokens)::bigint AS tokens, sum(usd) AS usd FROM taken HAVING count(*) > 0) AS change
    WHERE b.id = locked.id
)
SELECT fitting.*, (SELECT count(*) > 0 FROM taken) AS taken FROM fitting ORDER BY id
"""  # noqa: S608 - made of constants
"""Charge effects that share budgets: all of them or none; what is spent already is not refused.

Returns the budgets as they were before.
"""

RELEASE = """
WITH locked AS MATERIALIZED (
    SELECT b.id FROM policy_budget b
    WHERE b.id IN (
        SELECT unnest(r.budget_ids) FROM policy_reservation r
        WHERE r.step_id = ANY(%(steps)s::uuid[])
          AND (%(positions)s::int[] IS NULL OR r.position = ANY(%(positions)s::int[]))
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
    WHERE ready.budgets > 0 AND r.step_id = ANY(%(steps)s::uuid[])
      AND (%(positions)s::int[] IS NULL OR r.position = ANY(%(positions)s::int[])) AND r.status = 'held'
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
"""Release what steps hold: under some positions, or under all."""

DIFFERENCES = """
WITH booked AS (
    SELECT b.id, coalesce(sum(e.tokens), 0) AS tokens, coalesce(sum(e.usd), 0) AS usd
    FROM policy_budget b
    LEFT JOIN (
        SELECT unnest(budget_ids) AS budget_id, tokens, usd, created_at FROM policy_ledgerentry
    ) e ON e.budget_id = b.id AND (b.period = '' OR e.created_at >= b.period_start)
    GROUP BY b.id
), held AS (
    SELECT budget_id, sum(tokens) AS tokens, sum(usd) AS usd
    FROM (SELECT unnest(budget_ids) AS budget_id, tokens, usd FROM policy_reservation WHERE status = 'held') AS parts
    GROUP BY budget_id
)
SELECT b.id, b.scope, b.scope_id, b.period, b.spent_tokens, booked.tokens AS booked_tokens, b.spent_usd,
    booked.usd AS booked_usd, b.reserved_tokens, coalesce(held.tokens, 0) AS held_tokens, b.reserved_usd,
    coalesce(held.usd, 0) AS held_usd
FROM policy_budget b JOIN booked ON booked.id = b.id LEFT JOIN held ON held.budget_id = b.id
WHERE (b.spent_tokens, b.spent_usd, b.reserved_tokens, b.reserved_usd)
    IS DISTINCT FROM (booked.tokens, booked.usd, coalesce(held.tokens, 0), coalesce(held.usd, 0))
ORDER BY b.id
LIMIT %(limit)s
"""
"""Budgets whose balances are not the sum of their ledger and of what is held. One statement, so one snapshot."""
