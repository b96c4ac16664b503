"""Looking at journals from outside: what steps did, entry by entry or added up. Bounded, and asked in sets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Sum

from agents.journal.copying import COPIED_ATTEMPT
from agents.models import JournalEntry


@dataclass(frozen=True, slots=True)
class EntryView:
    """One effect. Without payloads, `request`, `response` and `decisions` are None; large parts are references."""

    step_id: UUID
    position: int
    kind: str
    key: str
    status: str
    attempt: int
    request_digest: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: Decimal | None
    started_at: datetime
    finished_at: datetime | None
    error: Mapping[str, Any] | None
    request: Mapping[str, Any] | None = None
    response: Mapping[str, Any] | None = None
    decisions: Sequence[Mapping[str, Any]] | None = None

    @property
    def is_copied(self) -> bool:
        """Whether another task paid for it."""
        return self.attempt == COPIED_ATTEMPT


def entries_of(*, step_ids: Sequence[UUID], limit: int, with_payloads: bool = False) -> list[EntryView]:
    """Return the effects of some steps by step and position, at most `limit`; one query."""
    columns = ["step_id", "position", "kind", "key", "status", "attempt", "request_digest", "prompt_tokens"]
    columns += ["completion_tokens", "cost_usd", "started_at", "finished_at", "error"]
    columns += ["request", "response", "decisions"] if with_payloads else []
    rows = JournalEntry.objects.filter(step_id__in=step_ids).order_by("step_id", "position")
    return [EntryView(**row) for row in rows.values(*columns)[:limit]]


def entry_sums(*, step_ids: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    """Return how many effects of each kind some steps had; one query."""
    rows = JournalEntry.objects.filter(step_id__in=step_ids).values_list("step_id", "kind").annotate(n=Count("id"))
    found: dict[UUID, dict[str, int]] = {}
    for step_id, kind, count in rows.order_by("step_id", "kind"):
        found.setdefault(step_id, {})[kind] = count
    return found


def usage_until(*, task_id: UUID, until: datetime) -> int:
    """Return the tokens that a task's effects had used at a moment; copied ones were paid elsewhere. One query."""
    rows = JournalEntry.objects.filter(task_id=task_id, finished_at__lte=until, attempt__gt=COPIED_ATTEMPT)
    tokens: int = rows.aggregate(tokens=Sum(F("prompt_tokens") + F("completion_tokens"), default=0))["tokens"]
    return tokens
