"""Journal entries as they begin and as they end, and what they add up to."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import reduce
from typing import Any, Final

from django.db.models.functions import Now

from agents.context import StepContext
from agents.journal.bounds import bounded_json
from agents.journal.copying import COPIED_ATTEMPT
from agents.journal.effect import Effect
from agents.models import JournalEntry
from agents.types import JournalStatus, Usage
from shannon_project.foundation.errors import ShannonError

NOT_BEGUN: Final = "EFFECT_NOT_BEGUN"


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


def entry_start(entry: JournalEntry, ctx: StepContext, decisions: Sequence[Mapping[str, Any]]) -> None:
    """Note in an entry that its effect is about to begin, now or again; what another task paid is not counted here.

    `decisions` are what policies decided about it, as JSON.
    """
    if entry.attempt == COPIED_ATTEMPT:
        entry.prompt_tokens, entry.completion_tokens, entry.cost_usd = 0, 0, None
    entry.attempt = ctx.attempt
    entry.status = JournalStatus.STARTED
    entry.error = None
    entry.decisions = [bounded_json(decision) for decision in decisions] or None


def entry_close(
    entry: JournalEntry, effect: Effect, status: JournalStatus, *, error: dict[str, Any] | None = None
) -> None:
    """Note in an entry how its effect ended and what it used, beside what failed attempts of it used before."""
    entry.status = status
    entry.error = error
    entry.cost_usd = _cost_with(entry, effect)
    entry.prompt_tokens += effect.prompt_tokens
    entry.completion_tokens += effect.completion_tokens
    entry.finished_at = Now()  # by the database's clock, as every time that hosts compare


def entry_withdraw(entry: JournalEntry, error: Exception) -> None:
    """Note that the effect did not begin after all, and why: the step's next attempt begins it."""
    why = error.as_json() if isinstance(error, ShannonError) else {"message": f"{type(error).__name__}: {error}"}
    message = "It was about to begin and did not."
    entry.status = JournalStatus.FAILED
    entry.error = bounded_json({"code": NOT_BEGUN, "message": message, "retryable": True, "details": {"why": why}})
    entry.finished_at = Now()


def effect_usage(entry: JournalEntry, used: Effect | JournalEntry) -> Usage:
    """Return what an effect used, also one that failed; a call counts when it was answered."""
    kind, is_finished = entry.kind, entry.status == JournalStatus.FINISHED
    is_call = kind == "tool"
    is_bought = kind == "model" and (is_finished or used.prompt_tokens + used.completion_tokens > 0)
    return Usage(
        prompt_tokens=used.prompt_tokens,
        completion_tokens=used.completion_tokens,
        cost_usd=used.cost_usd if is_bought else Decimal(0),
        model_calls=int(is_finished and kind == "model"),
        tool_calls=int(is_finished and is_call),
    )


def usage_of(entries: Iterable[JournalEntry]) -> Usage:
    """Return what effects used together; copied ones were paid elsewhere."""
    own = (entry for entry in entries if entry.attempt != COPIED_ATTEMPT)
    return reduce(Usage.plus, (effect_usage(entry, entry) for entry in own), Usage())


def _cost_with(entry: JournalEntry, effect: Effect) -> Decimal | None:
    """Return what the entry has cost by now; None where the price of something that was used is not known."""
    if not entry.prompt_tokens + entry.completion_tokens:
        return effect.cost_usd
    if effect.cost_usd is None and not effect.prompt_tokens + effect.completion_tokens:
        return entry.cost_usd  # it came to nothing this time, and used nothing
    return None if entry.cost_usd is None or effect.cost_usd is None else entry.cost_usd + effect.cost_usd
