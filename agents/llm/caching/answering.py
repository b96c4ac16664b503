"""Whether and from where an answer is given again."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.conf import settings

from agents.llm.caching.exact import ExactCache, key_of
from agents.llm.caching.semantic import Question, answer_find, answer_keep
from agents.llm.catalogues import TenantModels
from agents.llm.types import CacheHit, ModelReply, ModelRequest
from agents.metrics import MODEL_CACHE, MODEL_SAVED_TOKENS, MODEL_SAVED_USD
from agents.types import CacheKind
from shannon_project.config.catalogue import CatalogueModel
from shannon_project.foundation.coroutines import pause
from shannon_project.foundation.database import connection_release, in_database
from shannon_project.foundation.ids import uuid7

_LOOK_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class CacheRules:
    """What holds for one call. `key` None: no exact cache; `question` None: no semantic one."""

    key: str | None
    seconds: int
    question: Question | None


def cache_rules(
    tenant_id: UUID,
    tenant: TenantModels,
    request: ModelRequest,
    models: tuple[CatalogueModel, ...],
    max_output_tokens: int,
) -> CacheRules:
    """Return what holds for a call: only at temperature 0, unless the tenant's rules say at any."""
    given = tenant.response_cache_seconds
    seconds = settings.SHANNON_MODEL_CACHE_SECONDS if given is None else given
    temperature = request.options.get("temperature", request.temperature)
    is_cached = seconds > 0 and (temperature == 0 or tenant.caches_any_temperature)
    key = key_of(tenant_id, request, models, max_output_tokens) if is_cached else None
    return CacheRules(key, seconds, Question.of(tenant_id, request, models))


def answer_through_caches(
    rules: CacheRules, ask: Callable[[], ModelReply], *, checkpoint: Callable[[], None], wait_seconds: float
) -> ModelReply:
    """Return an answer that is kept, or that somebody else is just getting, or ask and keep it.

    An answer from a cache has `hit` and costs nothing.

    Args:
        rules: What holds for the call.
        ask: Asks a model.
        checkpoint: Asked while waiting; what it raises ends the waiting.
        wait_seconds: How long at most somebody else's asking is waited for; then one's own begins.
    """
    if rules.question is not None:
        question = rules.question
        found = in_database(lambda: answer_find(question))
        connection_release()
        _count(CacheKind.SEMANTIC, is_hit=found is not None)
        if found is not None:
            return _hit(found.reply, CacheKind.SEMANTIC, similarity=found.similarity, question=found.question)
    reply = ask() if rules.key is None else _exact(rules.key, rules.seconds, ask, checkpoint, wait_seconds)
    if rules.question is not None and reply.hit is None:
        question = rules.question
        in_database(lambda: answer_keep(question, reply))
        connection_release()
    return reply


def _exact(
    key: str, seconds: int, ask: Callable[[], ModelReply], checkpoint: Callable[[], None], wait_seconds: float
) -> ModelReply:
    cache, who = ExactCache(), uuid7().hex
    kept = cache.get(key)
    if kept is not None:
        _count(CacheKind.EXACT, is_hit=True)
        return _hit(kept, CacheKind.EXACT)
    end = time.monotonic() + min(wait_seconds, settings.SHANNON_MODEL_FLIGHT_SECONDS)
    leads = cache.lead(key, who)
    while not leads and time.monotonic() < end:
        checkpoint()
        pause(_LOOK_SECONDS)
        kept = cache.get(key)
        if kept is not None:
            _count(CacheKind.FLIGHT, is_hit=True)
            return _hit(kept, CacheKind.FLIGHT)
        leads = cache.lead(key, who)
    try:
        kept = cache.get(key)  # who led before may have kept its answer between our look and our taking the lead
        if kept is not None:
            _count(CacheKind.FLIGHT, is_hit=True)
            return _hit(kept, CacheKind.FLIGHT)
        _count(CacheKind.EXACT, is_hit=False)
        reply = ask()
        cache.put(key, reply, seconds=seconds)
    finally:
        if leads:
            cache.give_up_lead(key, who)
    return reply


def _hit(
    kept: ModelReply, kind: CacheKind, *, similarity: float | None = None, question: str | None = None
) -> ModelReply:
    saved_tokens = kept.prompt_tokens + kept.completion_tokens
    MODEL_SAVED_TOKENS.labels(kind=kind).inc(saved_tokens)
    MODEL_SAVED_USD.labels(kind=kind).inc(float(kept.cost_usd or 0))
    hit = CacheHit(str(kind), saved_tokens, kept.cost_usd, similarity, question)
    return replace(
        kept,
        prompt_tokens=0,
        completion_tokens=0,
        cost_usd=Decimal(0),
        usage_estimated=False,
        cache_read_tokens=0,
        cache_write_tokens=0,
        hit=hit,
    )


def _count(kind: CacheKind, *, is_hit: bool) -> None:
    MODEL_CACHE.labels(kind=kind, outcome="hit" if is_hit else "miss").inc()
