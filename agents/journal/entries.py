"""Journal entries as they begin and as they end."""

from typing import Any

from django.utils import timezone

from agents.context import StepContext
from agents.journal.effect import Effect
from agents.models import JournalEntry
from agents.types import JournalStatus


def entry_new(ctx: StepContext, *, position: int, kind: str, key: str, digest: str) -> JournalEntry:
    """Return an entry of a step that is not written yet; its effect is about to begin."""
    return JournalEntry(
        step_id=ctx.step_id,
        task_id=ctx.task_id,
        position=position,
        attempt=ctx.attempt,
        kind=kind,
        key=key,
        request_digest=digest,
        status=JournalStatus.STARTED,
    )


def entry_close(
    entry: JournalEntry, effect: Effect, status: JournalStatus, *, error: dict[str, Any] | None = None
) -> None:
    """Note in an entry how its effect ended and what it used."""
    entry.status = status
    entry.error = error
    entry.prompt_tokens = effect.prompt_tokens
    entry.completion_tokens = effect.completion_tokens
    entry.cost_usd = effect.cost_usd
    entry.finished_at = timezone.now()
