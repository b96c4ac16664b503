"""Sums over a step's journal, and the writing of notes."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Count, Q, Sum

from agents.models import JournalEntry
from agents.types import AgentUsage, JournalStatus


def step_usage(step_id: UUID) -> AgentUsage:
    """Return what all finished effects of a step used, in all its attempts; for a step that ended in an error."""
    finished = JournalEntry.objects.filter(step_id=step_id, status=JournalStatus.FINISHED)
    is_model = Q(kind="model")
    sums = finished.aggregate(
        prompt_tokens=Sum("prompt_tokens", default=0),
        completion_tokens=Sum("completion_tokens", default=0),
        cost_usd=Sum("cost_usd", filter=is_model, default=0),
        model_calls=Count("id", filter=is_model),
        tool_calls=Count("id", filter=Q(kind="tool")),
        unpriced_calls=Count("id", filter=is_model & Q(cost_usd__isnull=True)),
    )
    if sums.pop("unpriced_calls"):
        sums["cost_usd"] = None
    return AgentUsage(**sums)


def notes_write(notes: Sequence[JournalEntry]) -> None:
    """Insert journal notes of one or many steps in one query, inside the caller's transaction."""
    if notes:
        JournalEntry.objects.bulk_create(notes)
