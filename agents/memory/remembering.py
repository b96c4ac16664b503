"""Remembering answers and finding them again."""

from typing import Final
from uuid import UUID

from django.conf import settings
from pgvector.django import CosineDistance

from agents.context import StepContext
from agents.journal.bounds import bounded_text, canonical_digest
from agents.journal.effect import Effect
from agents.journal.journal import Journal
from agents.memory.selection import embedder
from agents.models import Memory
from agents.types import MemoryHit
from shannon_project.foundation.text import storable_text

_QUERY_MAX_CHARACTERS: Final = 500  # of the question, in what is remembered and in what is embedded
_SEARCH_MAX_HITS: Final = 50


def memory_remember(*, tenant_id: UUID, session_id: UUID | None, task_id: UUID, query: str, answer: str) -> bool:
    """Remember the answer to a question of the tenant.

    The question and the answer are kept together, cut to `SHANNON_MEMORY_CONTENT_MAX_CHARACTERS`. Remembering the
    same for the same task again changes nothing. The caller does not bring answers of failed tasks.

    Returns:
        False if there was nothing to remember: the question or the answer is empty, or no word of it has a meaning.
    """
    question, found = " ".join(storable_text(query).split()), storable_text(answer).strip()
    if not question or not found:
        return False
    question = bounded_text(question, _QUERY_MAX_CHARACTERS)
    content = bounded_text(f"{question}\n\n{found}", settings.SHANNON_MEMORY_CONTENT_MAX_CHARACTERS)
    vector = embedder().embed([content])[0]
    if not any(vector):
        return False
    memory = Memory(
        tenant_id=tenant_id,
        session_id=session_id,
        task_id=task_id,
        digest=canonical_digest(content),
        content=content,
        embedding=vector,
    )
    Memory.objects.bulk_create([memory], ignore_conflicts=True)
    return True


def memory_search(*, tenant_id: UUID, query: str, limit: int = 5) -> list[MemoryHit]:
    """Return the tenant's memories nearest in meaning to the query, best first.

    The search is exact: it compares with every memory of the tenant, and with no other's.

    Args:
        tenant_id: Whose memories.
        query: What is looked for; an empty one finds nothing.
        limit: At most so many, from 1 to 50.
    """
    words = " ".join(storable_text(query).split())
    if not words:
        return []
    vector = embedder().embed([bounded_text(words, _QUERY_MAX_CHARACTERS)])[0]
    if not any(vector):
        return []
    nearest = (
        Memory.objects.filter(tenant_id=tenant_id)
        .annotate(distance=CosineDistance("embedding", vector))
        .order_by("distance", "-created_at")
        .values_list("content", "distance", "task_id", "created_at")
    )
    return [
        MemoryHit(content=content, score=1.0 - distance, task_id=task_id, created_at=created_at)
        for content, distance, task_id, created_at in nearest[: min(max(limit, 1), _SEARCH_MAX_HITS)]
    ]


def answer_remember(ctx: StepContext, journal: Journal, query: str, answer: str) -> bool:
    """Remember a step's answer, once in the journal; returns what `memory_remember` does.

    Raises:
        JournalMismatch: An earlier attempt did something else here.
    """

    def perform(_: Effect) -> dict[str, bool]:
        remembered = memory_remember(
            tenant_id=ctx.principal.tenant_id,
            session_id=ctx.session_id,
            task_id=ctx.task_id,
            query=query,
            answer=answer,
        )
        return {"remembered": remembered}

    response = journal.effect(
        kind="memory_write", key="answer", request={"query": query, "answer": answer}, perform=perform, idempotent=True
    )
    return bool(response["remembered"])
