"""Where a run is, as its page is told again and again."""

from typing import Any

from django.urls import reverse

from orchestration.feedback import feedback_of
from orchestration.models import Approval, Step, Task
from orchestration.selectors import approvals_pending, steps_of

_OF_RESEARCH = ("citations", "claims")


def run_shown(task: Task) -> dict[str, Any]:
    """Return a run's numbers, its answer and what is said of it, its steps, and what it waits for.

    Two queries, and one more where somebody judged the answer.
    """
    said = feedback_of(task_id=task.id) if task.feedback_count else []
    return {
        "status": task.status,
        "result": task.result,
        "error": task.error["message"] if task.error else "",
        "metadata": {name: task.result_metadata.get(name, []) for name in _OF_RESEARCH},
        "feedback": {
            "score": task.feedback_score,
            "said": [
                {"rating": row.rating, "score": row.score, "comment": row.comment, "by": row.given_by} for row in said
            ],
        },
        "tokens": task.prompt_tokens + task.completion_tokens,
        "cost_usd": str(task.cost_usd),
        "model_calls": task.model_calls,
        "tool_calls": task.tool_calls,
        "model_used": task.model_used,
        "started_at": task.created_at,
        "completed_at": task.completed_at,
        "steps": [_step(step) for step in steps_of(task_id=task.id)],
        "waits_for": [_waiting(approval) for approval in approvals_pending(task_id=task.id)],
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "key": step.key,
        "kind": step.kind,
        "title": step.title,
        "status": step.status,
        "attempt": step.attempt,
        "depends_on": step.depends_on,
        "tokens": step.prompt_tokens + step.completion_tokens,
        "cost_usd": None if step.cost_usd is None else str(step.cost_usd),
        "error": step.error["message"] if step.error else "",
        "started_at": step.started_at,
        "completed_at": step.completed_at,
    }


def _waiting(approval: Approval) -> dict[str, Any]:
    return {
        "message": approval.message,
        "step_key": approval.step.key if approval.step else "",
        "subject": approval.subject,
        "expires_at": approval.expires_at,
        "address": reverse("admin:orchestration_approval_change", args=[approval.id]),
    }
