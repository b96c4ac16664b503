"""Remembering answers and finding them again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.conf import settings

from agents.context import StepContext
from agents.journal.bounds import bounded_text, canonical_digest
from agents.journal.journal import Journal
from agents.memory.selection import embedder
from agents.models import Memory
from agents.types import MemoryHit, NewMemory
from shannon_project.foundation.database import prepared_cursor
from shannon_project.foundation.text import storable_text

_QUERY_MAX_CHARACTERS: Final = 500  # of the question, in what is remembered and in what is embedded
_SEARCH_MAX_HITS: Final = 50
COMMENT_MAX_CHARACTERS: Final = 500  # of what people say of an answer, beside what is remembered

_ROUGH_MORE: Final = 30  # rows that are looked at beyond those wanted: numbers of half precision rank them roughly

# All of the tenant's vectors are read from their index one after another, with numbers of half precision: they lie
# within 0.0001 of where they belong. The nearest ones' rows are looked at, and ranked by the exact vectors. Vectors
# have length 1, so the inner product ranks as the cosine does, for a third of its arithmetic. The inner SELECT makes
# the server round the question once; planned without its value, it would do so for each memory.
_NEAREST: Final = """
    SELECT m.content, m.embedding <=> %(near)s::vector AS distance, m.task_id, m.created_at,
        m.feedback_score, m.feedback_comment
    FROM (
        SELECT id, embedding_half <#> (SELECT %(near)s::vector::halfvec) AS rough, created_at
        FROM agents_memory WHERE tenant_id = %(tenant)s ORDER BY rough, created_at DESC LIMIT %(rough)s
    ) near JOIN agents_memory m ON m.id = near.id
    ORDER BY distance, m.created_at DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class MemoryNote:
    """A question of a tenant and its answer, of a task that did not fail."""

    tenant_id: UUID
    session_id: UUID | None
    task_id: UUID
    query: str
    answer: str


@dataclass(frozen=True, slots=True)
class MemoryRating:
    """How good people call a task's answer, from 0 to 1 (None: nobody says anything), and the last word about it."""

    task_id: UUID
    score: float | None
    comment: str


def memory_remember(*, tenant_id: UUID, session_id: UUID | None, task_id: UUID, query: str, answer: str) -> bool:
    """Remember the answer to a question of the tenant.

    The question and the answer are kept together, cut to `SHANNON_MEMORY_CONTENT_MAX_CHARACTERS`. Remembering the
    same for the same task again changes nothing. The caller does not bring answers of failed tasks.

    Returns:
        False if there was nothing to remember: the question or the answer is empty, or no word of it has a meaning.
    """
    memory = _new_memory(tenant_id=tenant_id, session_id=session_id, task_id=task_id, query=query, answer=answer)
    memories_write([] if memory is None else [memory])
    return memory is not None


def memories_write(memories: Sequence[NewMemory]) -> None:
    """Insert memories, in one statement; one that its task has already stays as it is."""
    if memories:
        rows = [
            Memory(
                tenant_id=memory.tenant_id,
                session_id=memory.session_id,
                task_id=memory.task_id,
                digest=memory.digest,
                content=memory.content,
                embedding=memory.embedding,
            )
            for memory in memories
        ]
        Memory.objects.bulk_create(rows, ignore_conflicts=True)


def memories_rate(ratings: Sequence[MemoryRating]) -> None:
    """Keep with what tasks remembered how good people call it. One statement, however many tasks."""
    if not ratings:
        return
    with prepared_cursor() as cursor:
        cursor.execute(
            "UPDATE agents_memory m SET feedback_score = r.score, feedback_comment = r.comment"
            " FROM unnest(%s::uuid[], %s::float8[], %s::text[]) AS r(task_id, score, comment)"
            " WHERE m.task_id = r.task_id",
            [
                [rating.task_id for rating in ratings],
                [rating.score for rating in ratings],
                [storable_text(rating.comment)[:COMMENT_MAX_CHARACTERS] for rating in ratings],
            ],
        )


def memories_of(notes: Sequence[MemoryNote]) -> list[NewMemory]:
    """Return what is to be remembered of answers to questions, to be written; asks no database.

    Of a note without a word that has a meaning there is nothing. The caller does not bring answers of failed tasks.
    """
    contents = [_content(note.query, note.answer) for note in notes]
    vectors = iter(embedder().embed([content for content in contents if content]) if any(contents) else [])
    memories = []
    for note, content in zip(notes, contents, strict=True):
        vector = next(vectors) if content else []
        if any(vector):
            digest = canonical_digest(content)
            memories.append(NewMemory(note.tenant_id, note.session_id, note.task_id, digest, content, vector))
    return memories


def memory_search(*, tenant_id: UUID, query: str, limit: int = 5) -> list[MemoryHit]:
    """Return the tenant's memories nearest in meaning to the query, best first; those that people call bad last.

    It compares with every memory of the tenant, and with no other's.

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
    near = "[" + ",".join([f"{number:.9g}" for number in vector]) + "]"  # more digits than a single-precision one has
    most = min(max(limit, 1), _SEARCH_MAX_HITS)
    with prepared_cursor() as cursor:
        cursor.execute(_NEAREST, {"near": near, "tenant": tenant_id, "limit": most, "rough": most + _ROUGH_MORE})
        hits = [
            MemoryHit(content, 1.0 - distance, task_id, created_at, feedback_score, feedback_comment)
            for content, distance, task_id, created_at, feedback_score, feedback_comment in cursor.fetchall()
        ]
    return sorted(hits, key=lambda hit: hit.rating == "bad")


def answer_remember(ctx: StepContext, journal: Journal, query: str, answer: str) -> tuple[NewMemory, ...]:
    """Return what is to be remembered of a step's answer: written with its outcome, so both happen or neither.

    It is in the journal, so a step that is run again after that remembers nothing anew. Nothing is returned where
    `memory_remember` would return False.

    Raises:
        JournalMismatch: An earlier attempt did something else here.
    """
    made: list[NewMemory] = []

    def look() -> dict[str, bool]:
        memory = _new_memory(
            tenant_id=ctx.principal.tenant_id,
            session_id=ctx.session_id,
            task_id=ctx.task_id,
            query=query,
            answer=answer,
        )
        made.extend([] if memory is None else [memory])
        return {"remembered": memory is not None}

    journal.observe("memory_write", "answer", look, request={"query": query, "answer": answer})
    return tuple(made)


def _new_memory(
    *, tenant_id: UUID, session_id: UUID | None, task_id: UUID, query: str, answer: str
) -> NewMemory | None:
    """Return a question and its answer as one memory, or None when there is nothing to remember."""
    content = _content(query, answer)
    vector = embedder().embed([content])[0] if content else []
    if not any(vector):
        return None
    return NewMemory(tenant_id, session_id, task_id, canonical_digest(content), content, vector)


def _content(query: str, answer: str) -> str:
    """Return what is kept of a question and its answer; empty when one of them is."""
    question, found = " ".join(storable_text(query).split()), storable_text(answer).strip()
    if not question or not found:
        return ""
    question = bounded_text(question, _QUERY_MAX_CHARACTERS)
    return bounded_text(f"{question}\n\n{found}", settings.SHANNON_MEMORY_CONTENT_MAX_CHARACTERS)
