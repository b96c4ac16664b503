"""Looking at journals from outside: what steps did, entry by entry or added up. Bounded, and asked in sets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, F, Max, Q, Sum

from agents.journal.copying import COPIED_ATTEMPT
from agents.models import JournalEntry

_COLUMNS: Final = (
    *("step_id", "position", "kind", "key", "status", "attempt", "request_digest"),
    *("prompt_tokens", "completion_tokens", "cost_usd", "started_at", "finished_at", "error"),
)
_PAYLOADS: Final = ("request", "response", "decisions")


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
    columns = (*_COLUMNS, *_PAYLOADS) if with_payloads else _COLUMNS
    rows = JournalEntry.objects.filter(step_id__in=step_ids).order_by("step_id", "position")
    return [EntryView(**row) for row in rows.values(*columns)[:limit]]


def entries_until(*, step_id: UUID, position: int, limit: int) -> list[EntryView]:
    """Return a step's effects up to a place of its journal, that place included, with payloads and by position.

    At most `limit`: the last ones. A place may hold nothing: of several effects that were asked for together, one can
    wait while those behind it have happened. One query.
    """
    rows = JournalEntry.objects.filter(step_id=step_id, position__lte=position).order_by("-position")
    return [EntryView(**row) for row in rows.values(*_COLUMNS, *_PAYLOADS)[:limit]][::-1]


@dataclass(frozen=True, slots=True)
class JournalSums:
    """A step's journal in numbers. `end` is behind its last place; the rest is of the effects before a place.

    `cost_usd` None: the price of one of its calls is unknown. Copied effects were paid elsewhere.
    """

    end: int
    tokens: int
    cost_usd: Decimal | None


def sums_before(*, step_id: UUID, position: int) -> JournalSums:
    """Return what a step's effects before a place of its journal used; one query."""
    paid = Q(position__lt=position, attempt__gt=COPIED_ATTEMPT)
    calls = paid & Q(kind="model")
    sums = JournalEntry.objects.filter(step_id=step_id).aggregate(
        last=Max("position"),
        tokens=Sum(F("prompt_tokens") + F("completion_tokens"), filter=paid, default=0),
        cost=Sum("cost_usd", filter=calls, default=Decimal(0)),
        unknown=Count("id", filter=calls & Q(cost_usd=None)),
    )
    end = 0 if sums["last"] is None else sums["last"] + 1
    return JournalSums(end, sums["tokens"], None if sums["unknown"] else sums["cost"])


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
