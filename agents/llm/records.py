"""A row for every attempt at a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.utils import timezone

from agents.context import StepContext
from agents.llm.errors import ModelUsage
from agents.llm.keeping import Texts, texts_keep, texts_of
from agents.llm.routing import Attempt
from agents.llm.routing.attempts import OK
from agents.llm.types import CacheHit, ModelReply, ModelRequest
from shannon_project.foundation.database import sent
from shannon_project.foundation.ids import uuid7

Row = dict[str, Any]

_MILLISECONDS: Final = 1000
COLUMNS: Final[Mapping[str, str]] = {
    "id": "uuid",
    "tenant_id": "uuid",
    "task_id": "uuid",
    "step_id": "uuid",
    "user_id": "text",
    "position": "int",
    "step_attempt": "int",
    "attempt": "int",
    "purpose": "text",
    "asked": "text",
    "tier": "text",
    "model": "text",
    "provider": "text",
    "key_id": "text",
    "outcome": "text",
    "fallback_reason": "text",
    "is_streamed": "bool",
    "cache": "text",
    "prompt_tokens": "int",
    "completion_tokens": "int",
    "cache_read_tokens": "int",
    "cache_write_tokens": "int",
    "is_estimate": "bool",
    "cost_usd": "numeric",
    "saved_usd": "numeric",
    "latency_ms": "int",
    "first_token_ms": "int",
    "request_digest": "text",
    "prompt_digest": "text",
    "answer_digest": "text",
    "started_at": "timestamptz",
}
"""Every column of `ModelCall` and its type in SQL: the row is written without the ORM, which takes far longer."""
_INSERT: Final = (
    f"INSERT INTO agents_modelcall ({', '.join(COLUMNS)}) SELECT * FROM unnest("  # noqa: S608 - made of constants
    f"{', '.join(f'%({name})s::{kind}[]' for name, kind in COLUMNS.items())}) ON CONFLICT (id) DO NOTHING"
)
_INSERT_ONE: Final = (
    f"INSERT INTO agents_modelcall ({', '.join(COLUMNS)}) VALUES ("  # noqa: S608 - made of constants
    f"{', '.join(f'%({name})s::{kind}' for name, kind in COLUMNS.items())}) ON CONFLICT (id) DO NOTHING"
)
_FEW_ROWS: Final = 4
_EMPTY: Final[Mapping[str, Any]] = {
    **{name: "" for name, kind in COLUMNS.items() if kind == "text"},
    **{name: 0 for name, kind in COLUMNS.items() if kind == "int"},
    **{name: False for name, kind in COLUMNS.items() if kind == "bool"},
    **{name: None for name, kind in COLUMNS.items() if kind == "numeric"},
    "first_token_ms": None,
}
_NOTHING: Final = ModelUsage(cost_usd=Decimal(0), is_estimate=False)


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What all attempts of one call have in common."""

    ctx: StepContext
    request: ModelRequest
    position: int
    digest: str
    retention_days: int
    began_at: datetime


@dataclass(frozen=True, slots=True)
class CallRows:
    """A row for each attempt of a call, or one for an answer from a cache. `reply` None: no answer was taken.

    Their ids are fixed, so that they can be written again by who does not know if they were.
    """

    facts: CallFacts
    attempts: Sequence[Attempt]
    reply: ModelReply | None
    ids: Sequence[UUID]

    @classmethod
    def of(cls, facts: CallFacts, attempts: Sequence[Attempt], reply: ModelReply | None) -> "CallRows":
        """Return rows with new ids."""
        return cls(facts, attempts, reply, [uuid7() for _ in range(len(attempts) + 1)])


def calls_write(calls: Sequence[CallRows]) -> None:
    """Insert the rows of calls in one statement; one more keeps the texts of each tenant that wants that.

    They may be on their way when this returns.
    """
    rows: list[Row] = []
    texts: dict[UUID, list[Texts]] = {}
    for call in calls:
        found, kept = _rows_and_texts(call)
        rows += found
        texts.setdefault(call.facts.ctx.principal.tenant_id, []).append(kept)
    if rows:
        for tenant_id in sorted(texts):
            texts_keep(tenant_id, texts[tenant_id])
        _rows_send(rows)


def _rows_send(rows: Sequence[Row]) -> None:
    """Insert rows, in one statement where there are many: to put a few into arrays takes longer than one for each."""
    if len(rows) > _FEW_ROWS:
        sent(_INSERT, {name: [row[name] for row in rows] for name in COLUMNS})
        return
    for row in rows:
        sent(_INSERT_ONE, row)


def _rows_and_texts(call: CallRows) -> tuple[list[Row], Texts]:
    facts, reply = call.facts, call.reply
    rows = [_row(facts, attempt) for attempt in call.attempts]
    if reply is not None and reply.hit is not None:
        rows.append(_row_of_hit(facts, reply, reply.hit))
    if not rows:
        return [], Texts()
    for row, row_id in zip(rows, call.ids, strict=False):  # there is one for a cache's answer, which is rare
        row["id"] = row_id
    tenant_id = facts.ctx.principal.tenant_id
    texts = texts_of(tenant_id=tenant_id, days=facts.retention_days, request=facts.request, reply=reply)
    rows[-1] |= {"prompt_digest": texts.prompt_digest, "answer_digest": texts.answer_digest}
    return rows, texts


def _row_of_hit(facts: CallFacts, reply: ModelReply, hit: CacheHit) -> Row:
    now = timezone.now()
    return {
        **_common(facts),
        "model": reply.model,
        "provider": reply.provider,
        "outcome": OK,
        "cache": hit.kind,
        "cost_usd": Decimal(0),
        "saved_usd": hit.saved_usd,
        "latency_ms": round((now - facts.began_at).total_seconds() * _MILLISECONDS),
        "started_at": facts.began_at,
    }


def _common(facts: CallFacts) -> Row:
    ctx, request = facts.ctx, facts.request
    return {
        **_EMPTY,
        "tenant_id": ctx.principal.tenant_id,
        "user_id": ctx.principal.user_id,
        "task_id": ctx.task_id,
        "step_id": ctx.step_id,
        "step_attempt": ctx.attempt,
        "position": facts.position,
        "purpose": str(request.purpose),
        "asked": request.model_override or str(request.tier),
        "tier": str(request.tier),
        "request_digest": facts.digest,
    }


def _row(facts: CallFacts, attempt: Attempt) -> Row:
    used = attempt.used or _NOTHING
    first_token = attempt.first_token_seconds
    return {
        **_common(facts),
        "attempt": attempt.number,
        "model": attempt.model.name,
        "provider": attempt.model.provider,
        "key_id": attempt.key_id,
        "outcome": attempt.outcome,
        "fallback_reason": attempt.reason,
        "is_streamed": attempt.is_streamed,
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "cache_read_tokens": used.cache_read_tokens,
        "cache_write_tokens": used.cache_write_tokens,
        "is_estimate": used.is_estimate,
        "cost_usd": used.cost_usd,
        "latency_ms": round(attempt.latency_seconds * _MILLISECONDS),
        "first_token_ms": None if first_token is None else round(first_token * _MILLISECONDS),
        "started_at": attempt.started_at,
    }
