"""The accounts of a step that was ended by somebody else."""

from uuid import UUID

from django.db import connection

from agents.services import step_usage
from policy.services import budget_release


def books_close(*, step_id: UUID, task_id: UUID) -> None:
    """Count what a step that will not go on has used, in its task too, and give back what it had set aside.

    For the rare step that began and is ended by somebody else; the caller holds the task's row lock.
    """
    budget_release(step_id=step_id)
    usage = step_usage(step_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orchestration_step SET prompt_tokens = %s, completion_tokens = %s, cost_usd = %s, model_calls = %s,"
            " tool_calls = %s WHERE id = %s",
            [
                usage.prompt_tokens,
                usage.completion_tokens,
                usage.cost_usd,
                usage.model_calls,
                usage.tool_calls,
                step_id,
            ],
        )
        cursor.execute(
            "UPDATE orchestration_task SET prompt_tokens = prompt_tokens + %s, completion_tokens = completion_tokens"
            " + %s, cost_usd = cost_usd + %s, model_calls = model_calls + %s, tool_calls = tool_calls + %s,"
            " cost_is_complete = cost_is_complete AND %s WHERE id = %s",
            [
                usage.prompt_tokens,
                usage.completion_tokens,
                usage.cost_usd or 0,
                usage.model_calls,
                usage.tool_calls,
                usage.cost_usd is not None,
                task_id,
            ],
        )
