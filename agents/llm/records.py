"""A row for every attempt at a model."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.utils import timezone

from agents.context import StepContext
from agents.gateway_models import ModelCall
from agents.llm.errors import ModelUsage
from agents.llm.keeping import texts_keep
from agents.llm.routing import Attempt
from agents.llm.routing.attempts import OK
from agents.llm.types import CacheHit, ModelReply, ModelRequest

_MILLISECONDS: Final = 1000
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


def attempts_write(facts: CallFacts, attempts: Sequence[Attempt], reply: ModelReply | None) -> None:
    """Insert a row for each attempt, all in one statement, or one for an answer from a cache.

    Args:
        facts: Whose call it was, and which.
        attempts: In order.
        reply: The answer that was taken; None: there is none.
    """
    rows = [_row(facts, attempt) for attempt in attempts]
    if reply is not None and reply.hit is not None:
        rows.append(_row_of_hit(facts, reply, reply.hit))
    if not rows:
        return
    kept = texts_keep(
        tenant_id=facts.ctx.principal.tenant_id, days=facts.retention_days, request=facts.request, reply=reply
    )
    rows[-1].prompt_digest, rows[-1].answer_digest = kept
    ModelCall.objects.bulk_create(rows)


def _row_of_hit(facts: CallFacts, reply: ModelReply, hit: CacheHit) -> ModelCall:
    now = timezone.now()
    return ModelCall(
        **_common(facts),
        attempt=0,
        model=reply.model,
        provider=reply.provider,
        outcome=OK,
        cache=hit.kind,
        cost_usd=Decimal(0),
        saved_usd=hit.saved_usd,
        latency_ms=round((now - facts.began_at).total_seconds() * _MILLISECONDS),
        started_at=facts.began_at,
    )


def _common(facts: CallFacts) -> dict[str, Any]:
    ctx, request = facts.ctx, facts.request
    return {
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


def _row(facts: CallFacts, attempt: Attempt) -> ModelCall:
    used = attempt.used or _NOTHING
    first_token = attempt.first_token_seconds
    return ModelCall(
        **_common(facts),
        attempt=attempt.number,
        model=attempt.model.name,
        provider=attempt.model.provider,
        key_id=attempt.key_id,
        outcome=attempt.outcome,
        fallback_reason=attempt.reason,
        is_streamed=attempt.is_streamed,
        prompt_tokens=used.prompt_tokens,
        completion_tokens=used.completion_tokens,
        cache_read_tokens=used.cache_read_tokens,
        cache_write_tokens=used.cache_write_tokens,
        is_estimate=used.is_estimate,
        cost_usd=used.cost_usd,
        latency_ms=round(attempt.latency_seconds * _MILLISECONDS),
        first_token_ms=None if first_token is None else round(first_token * _MILLISECONDS),
        started_at=attempt.started_at,
    )
