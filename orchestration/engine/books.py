"""The accounts of steps that were ended by somebody else."""

from collections.abc import Mapping
from uuid import UUID

from django.db import connection

from agents.services import steps_usage
from policy.services import budgets_release


def books_close(task_of: Mapping[UUID, UUID]) -> None:
    """Count what steps that will not go on have used, in their tasks too, and give back what they had set aside.

    Three queries or so, however many steps; the caller holds their tasks' row locks.

    Args:
        task_of: The steps, each with its task.
    """
    if not task_of:
        return
    budgets_release(list(task_of))
    usages = steps_usage(task_of.keys())
    ids = list(task_of)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH used AS (
                SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::int[], %s::int[], %s::numeric[], %s::int[], %s::int[])
                AS v(step_id, task_id, prompt, completion, cost, models, tools)
            ), by_step AS (
                UPDATE orchestration_step s SET prompt_tokens = v.prompt, completion_tokens = v.completion,
                    cost_usd = v.cost, model_calls = v.models, tool_calls = v.tools
                FROM used v WHERE s.id = v.step_id
            )
            UPDATE orchestration_task t
            SET prompt_tokens = t.prompt_tokens + u.prompt, completion_tokens = t.completion_tokens + u.completion,
                cost_usd = t.cost_usd + u.cost, model_calls = t.model_calls + u.models,
                tool_calls = t.tool_calls + u.tools, cost_is_complete = t.cost_is_complete AND u.is_complete
            FROM (SELECT task_id, sum(prompt) AS prompt, sum(completion) AS completion,
                         sum(coalesce(cost, 0)) AS cost, sum(models) AS models, sum(tools) AS tools,
                         bool_and(cost IS NOT NULL) AS is_complete
                  FROM used GROUP BY task_id) AS u
            WHERE t.id = u.task_id
            """,
            [
                ids,
                [task_of[step_id] for step_id in ids],
                [usages[step_id].prompt_tokens for step_id in ids],
                [usages[step_id].completion_tokens for step_id in ids],
                [usages[step_id].cost_usd for step_id in ids],
                [usages[step_id].model_calls for step_id in ids],
                [usages[step_id].tool_calls for step_id in ids],
            ],
        )
