"""A row for every attempt at a model."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from agents.context import StepContext
from agents.gateway_models import ModelCall
from agents.llm.errors import ModelUsage
from agents.llm.routing import Attempt
from agents.llm.types import ModelRequest

_MILLISECONDS: Final = 1000
_NOTHING: Final = ModelUsage(cost_usd=Decimal(0), is_estimate=False)


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What all attempts of one call have in common."""

    ctx: StepContext
    request: ModelRequest
    position: int
    digest: str


def attempts_write(facts: CallFacts, attempts: Sequence[Attempt], **of_the_last: Any) -> None:
    """Insert a row for each attempt, all in one statement.

    Args:
        facts: Whose call it was, and which.
        attempts: In order; nothing is written for none.
        of_the_last: Further fields of the last attempt's row.
    """
    if not attempts:
        return
    rows = [_row(facts, attempt) for attempt in attempts]
    for name, value in of_the_last.items():
        setattr(rows[-1], name, value)
    ModelCall.objects.bulk_create(rows)


def _row(facts: CallFacts, attempt: Attempt) -> ModelCall:
    ctx, request, used = facts.ctx, facts.request, attempt.used or _NOTHING
    first_token = attempt.first_token_seconds
    return ModelCall(
        tenant_id=ctx.principal.tenant_id,
        user_id=ctx.principal.user_id,
        task_id=ctx.task_id,
        step_id=ctx.step_id,
        step_attempt=ctx.attempt,
        position=facts.position,
        attempt=attempt.number,
        purpose=str(request.purpose),
        asked=request.model_override or str(request.tier),
        tier=str(request.tier),
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
        request_digest=facts.digest,
        started_at=attempt.started_at,
    )
