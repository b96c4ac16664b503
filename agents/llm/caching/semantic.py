"""Answers to questions that mean the same, in Postgres: only for roles that ask for it, within one tenant and setting.

The scope is everything but the last question: role, models, system prompt, history, tools, format. Within it the
nearest earlier question decides; its similarity and its words are told with the answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models.functions import Now
from pgvector.django import CosineDistance

from agents.journal.bounds import canonical_digest, storable_json
from agents.llm.types import ModelReply, ModelRequest, SemanticRule
from agents.memory.selection import embedder
from agents.models import CachedAnswer
from shannon_project.config.catalogue import CatalogueModel
from shannon_project.foundation.text import storable_text

_QUESTION_MAX_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Question:
    """A request that may be answered by meaning: what it asks, and where it asks it."""

    tenant_id: UUID
    scope_digest: str
    text: str
    rule: SemanticRule

    @classmethod
    def of(cls, tenant_id: UUID, request: ModelRequest, models: tuple[CatalogueModel, ...]) -> "Question | None":
        """Return the question of a request; None: its role has no such cache, or it does not end with a question."""
        rule = request.semantic
        last: Mapping[str, Any] = request.messages[-1] if request.messages else {}
        text = last.get("content")
        if rule is None or last.get("role") != "user" or not isinstance(text, str) or not text.strip():
            return None
        if len(text) > _QUESTION_MAX_CHARACTERS:
            return None
        asked = request.as_json()
        scope = {**asked, "messages": asked["messages"][:-1], "models": [model.name for model in models]}
        return cls(tenant_id, canonical_digest(scope), text, rule)


@dataclass(frozen=True, slots=True)
class Found:
    """An answer, the question that it was given to, and how near that one is (cosine, to 1)."""

    reply: ModelReply
    question: str
    similarity: float


def answer_find(question: Question) -> Found | None:
    """Return the answer to the nearest question, if it is near enough. One query; exact within the scope."""
    vector = embedder().embed([question.text])[0]
    nearest = (
        CachedAnswer.objects.filter(
            tenant_id=question.tenant_id, scope_digest=question.scope_digest, expires_at__gt=Now()
        )
        .annotate(distance=CosineDistance("embedding", vector))
        .order_by("distance")
        .values("question", "reply", "distance")
        .first()
    )
    if nearest is None or 1 - nearest["distance"] < question.rule.threshold:
        return None
    return Found(ModelReply.from_json(nearest["reply"]), nearest["question"], round(1 - nearest["distance"], 4))


def answer_keep(question: Question, reply: ModelReply) -> None:
    """Keep an answer for later questions; one that calls tools is none."""
    if reply.tool_calls or reply.finish_reason != "stop":
        return
    CachedAnswer.objects.create(
        tenant_id=question.tenant_id,
        scope_digest=question.scope_digest,
        question=storable_text(question.text),
        embedding=embedder().embed([question.text])[0],
        reply=storable_json(reply.as_json())[0],  # a NUL of a model's text would be refused by the database
        cost_usd=reply.cost_usd or Decimal(0),
        expires_at=Now() + timedelta(seconds=question.rule.keep_seconds),
    )
