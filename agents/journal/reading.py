"""Sums over a step's journal, and the writing of notes."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from django.db.models import Count, Q, Sum

from agents.journal.copying import COPIED_ATTEMPT
from agents.models import JournalEntry
from agents.types import JournalStatus, Usage


def step_usage(step_id: UUID) -> Usage:
    """Return what all finished effects of a step used, in all its attempts; copied ones were paid elsewhere."""
    finished = JournalEntry.objects.filter(step_id=step_id, status=JournalStatus.FINISHED, attempt__gt=COPIED_ATTEMPT)
    is_model = Q(kind="model")
    sums = finished.aggregate(
        prompt=Sum("prompt_tokens", default=0),
        completion=Sum("completion_tokens", default=0),
        cost=Sum("cost_usd", filter=is_model, default=Decimal(0)),
        models=Count("id", filter=is_model),
        tools=Count("id", filter=Q(kind="tool")),
        unpriced=Count("id", filter=is_model & Q(cost_usd__isnull=True)),
    )
    return Usage(
        prompt_tokens=sums["prompt"],
        completion_tokens=sums["completion"],
        cost_usd=None if sums["unpriced"] else sums["cost"],
        model_calls=sums["models"],
        tool_calls=sums["tools"],
    )


def notes_write(notes: Sequence[JournalEntry]) -> None:
    """Insert journal notes of one or many steps in one query, inside the caller's transaction.

    A note that an earlier attempt wrote already stays as it is: it must not spoil the outcomes of other steps.
    """
    if notes:
        JournalEntry.objects.bulk_create(notes, ignore_conflicts=True)
