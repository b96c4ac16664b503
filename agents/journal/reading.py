"""Sums over a step's journal, and the writing of notes."""

from collections.abc import Collection, Sequence
from decimal import Decimal
from uuid import UUID

from django.db.models import Count, Q, Sum

from agents.journal.copying import COPIED_ATTEMPT
from agents.journal.postgres import PostgresJournalStore
from agents.models import JournalEntry
from agents.types import JournalStatus, Usage


def step_usage(step_id: UUID) -> Usage:
    """Return what all effects of a step used, failed ones too, in all its attempts; copied ones were paid elsewhere."""
    return steps_usage([step_id])[step_id]


def steps_usage(step_ids: Collection[UUID]) -> dict[UUID, Usage]:
    """Return the same of several steps, in one query; a step without effects used nothing."""
    own = JournalEntry.objects.filter(step_id__in=step_ids, attempt__gt=COPIED_ATTEMPT)
    is_call = Q(kind="tool")  # a program that calls tools is one, and each of its calls
    is_model, is_finished = Q(kind="model"), Q(status=JournalStatus.FINISHED)
    has_used = is_finished | Q(prompt_tokens__gt=0) | Q(completion_tokens__gt=0)
    rows = own.values("step_id").annotate(
        prompt=Sum("prompt_tokens", default=0),
        completion=Sum("completion_tokens", default=0),
        cost=Sum("cost_usd", filter=is_model, default=Decimal(0)),
        models=Count("id", filter=is_model & is_finished),
        tools=Count("id", filter=is_call & is_finished),
        unpriced=Count("id", filter=is_model & has_used & Q(cost_usd__isnull=True)),
    )
    used = {
        row["step_id"]: Usage(
            prompt_tokens=row["prompt"],
            completion_tokens=row["completion"],
            cost_usd=None if row["unpriced"] else row["cost"],
            model_calls=row["models"],
            tool_calls=row["tools"],
        )
        for row in rows
    }
    return {step_id: used.get(step_id, Usage()) for step_id in step_ids}


def notes_write(notes: Sequence[JournalEntry]) -> None:
    """Insert journal notes of one or many steps in one query, inside the caller's transaction.

    A note that an earlier attempt wrote already stays as it is: it must not spoil the outcomes of other steps.
    """
    if notes:
        PostgresJournalStore().insert_new(notes)
