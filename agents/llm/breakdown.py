"""What a task asked of each model."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q, Sum

from agents.llm.routing.attempts import OK
from agents.models import ModelCall

_PERCENT = Decimal(100)


def model_breakdown(*, task_id: UUID) -> list[dict[str, Any]]:
    """Return `{model, provider, executions, tokens, cost_usd, percentage}` of each model, dearest first; one query.

    `executions` counts answers, tokens and cost count failed attempts too; `cost_usd` is what is known of it, and
    `percentage` the share of the tokens. The caller has checked whose task it is.
    """
    rows = list(
        ModelCall.objects.filter(task_id=task_id)
        .values("model", "provider")
        .annotate(
            executions=Count("id", filter=Q(outcome=OK)),
            tokens=Sum(F("prompt_tokens") + F("completion_tokens")),
            cost=Sum("cost_usd"),
        )
        .order_by(F("cost").desc(nulls_last=True), "-tokens", "model")
    )
    total = sum(row["tokens"] for row in rows) or 1
    return [
        {
            "model": row["model"],
            "provider": row["provider"],
            "executions": row["executions"],
            "tokens": row["tokens"],
            "cost_usd": float(row["cost"] or 0),
            "percentage": round(float(_PERCENT * row["tokens"] / total), 1),
        }
        for row in rows
    ]
