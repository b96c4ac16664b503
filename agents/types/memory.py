"""What is remembered, and what comes back of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

EMBEDDING_DIMENSIONS: Final = 256


@dataclass(frozen=True, slots=True)
class NewMemory:
    """Something that is to be remembered, and where it lies in the space of meanings; it is not written yet."""

    tenant_id: UUID
    session_id: UUID | None
    task_id: UUID
    digest: str
    content: str
    embedding: Sequence[float]


GOOD_SCORE: Final = 0.5
"""From this score on, from 0 to 1, what people say of an answer means that it is good."""


@dataclass(frozen=True, slots=True)
class MemoryHit:
    """Something remembered. `score` is the cosine similarity to the question, from -1 to 1.

    `feedback_score` is how good people call it, from 0 to 1 (None: nobody said), `feedback_comment` their last word.
    """

    content: str
    score: float
    task_id: UUID
    created_at: datetime
    feedback_score: float | None = None
    feedback_comment: str = ""

    @property
    def rating(self) -> str | None:
        """`good`, `bad`, or None where nobody said."""
        if self.feedback_score is None:
            return None
        return "good" if self.feedback_score >= GOOD_SCORE else "bad"
