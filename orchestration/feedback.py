"""What people say of answers: good or bad, how good, and why. The router that learns and the memory hear it."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from statistics import fmean
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from agents.services import MemoryRating, bounded_text, memories_rate
from agents.types import GOOD_SCORE
from orchestration.errors import AnswerMissing, IdempotencyMismatch, TaskNotFound
from orchestration.events.write import EventDraft, events_append
from orchestration.learning import outcome_revise
from orchestration.metrics import FEEDBACK_GIVEN
from orchestration.models import AnswerFeedback, IdempotencyRecord, Task
from orchestration.types import EventKind, Rating, TaskStatus
from policy.types import Principal
from shannon_project.foundation.errors import InvalidInput
from shannon_project.foundation.text import storable_text

COMMENT_MAX_CHARACTERS: Final = 4_000
SHOWN_CHARACTERS: Final = 500  # of a comment, in an event
ENDPOINT: Final = "feedback"
_SCORES: Final = {Rating.GOOD: 1.0, Rating.BAD: 0.0}
_PUT: Final = """
    WITH put AS (
        INSERT INTO orchestration_answerfeedback AS known
            (id, tenant_id, task_id, given_by, rating, score, comment, given_at)
        VALUES (gen_random_uuid(), %s, %s, %s, %s, %s, %s, now())
        ON CONFLICT (task_id, given_by) DO UPDATE
            SET rating = excluded.rating, score = excluded.score, comment = excluded.comment, given_at = now()
            WHERE (known.rating, known.score, known.comment) IS DISTINCT FROM
                (excluded.rating, excluded.score, excluded.comment)
        RETURNING 1
    )
    SELECT now(), EXISTS (SELECT FROM put)
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody says of an answer. `score` is from 0 to 1, of a good one 0.5 or more."""

    rating: Rating
    score: float
    comment: str


@dataclass(frozen=True, slots=True)
class Feedback:
    """What was said, by whom and when. `is_replayed`: it is the answer to an earlier call with the same key."""

    task_id: UUID
    given_by: str
    said: Said
    given_at: datetime
    is_replayed: bool = False


def feedback_give(
    *,
    principal: Principal,
    task_id: UUID,
    rating: Rating,
    score: float | None = None,
    comment: str = "",
    idempotency_key: str | None = None,
) -> Feedback:
    """Say how good a task's answer is. What the same one said before is replaced; the same again changes nothing.

    Args:
        principal: Who says it.
        task_id: The task; it has its answer.
        rating: Good or bad.
        score: How good, from 0 to 1; of a good answer 0.5 or more, of a bad one less. None: 1 or 0.
        comment: Why; at most `COMMENT_MAX_CHARACTERS`.
        idempotency_key: The same key and feedback give the first answer again, whatever was said since.

    Raises:
        TaskNotFound: There is no such task in the principal's tenant.
        AnswerMissing: It has no answer.
        InvalidInput: The score or the comment is not what it may be (the caller's fault).
        IdempotencyMismatch: The key was used for something else.
    """
    said = _checked(rating, score, comment)
    with transaction.atomic():
        record = None
        if idempotency_key:
            record, is_first = _claimed(principal, task_id, said, idempotency_key)
            if not is_first:
                return Feedback(task_id, who_of(principal), said, record.created_at, is_replayed=True)
        task = _locked(principal, task_id)
        given_at, is_new = _put(principal, task, said)
        if is_new:
            _follow_up(task, principal, asdict(said))
        if record is not None:
            IdempotencyRecord.objects.filter(id=record.id).update(task=task)
            given_at = record.created_at
    if is_new:
        FEEDBACK_GIVEN.labels(rating=said.rating).inc()
    return Feedback(task_id, who_of(principal), said, given_at)


def feedback_withdraw(*, principal: Principal, task_id: UUID) -> bool:
    """Take back what one has said of an answer. Returns False when that was nothing.

    Raises:
        TaskNotFound: There is no such task in the principal's tenant.
        AnswerMissing: It has no answer.
    """
    with transaction.atomic():
        task = _locked(principal, task_id)
        count, _ = AnswerFeedback.objects.filter(task_id=task.id, given_by=who_of(principal)).delete()
        if count:
            _follow_up(task, principal, {"rating": None})
    return bool(count)


def who_of(principal: Principal) -> str:
    """Return whose word it is: the person's behind a key, however many keys it has; else the key's or the staff's."""
    return principal.user_id if principal.api_key_id and principal.user_id else principal.actor


def feedback_of(*, task_id: UUID) -> list[AnswerFeedback]:
    """Return what was said of a task's answer, the latest first. The caller has checked whose task it is."""
    return list(AnswerFeedback.objects.filter(task_id=task_id).order_by("-given_at", "-id"))


def memories_follow(task_ids: Collection[UUID]) -> None:
    """Keep with what tasks remembered what people say of their answers now. Two statements, however many tasks."""
    said: dict[UUID, list[AnswerFeedback]] = defaultdict(list)
    for row in AnswerFeedback.objects.filter(task_id__in=task_ids).order_by("given_at", "id"):
        said[row.task_id].append(row)
    memories_rate([_rating(task_id, said[task_id]) for task_id in task_ids])


def _checked(rating: Rating, score: float | None, comment: str) -> Said:
    words = storable_text(comment).strip()
    if len(words) > COMMENT_MAX_CHARACTERS:
        raise InvalidInput(f"comment: has {len(words)} characters; at most {COMMENT_MAX_CHARACTERS} are allowed.")
    if score is None:
        return Said(rating, _SCORES[rating], words)
    if not 0 <= score <= 1 or (score >= GOOD_SCORE) is not (rating is Rating.GOOD):
        raise InvalidInput(
            f"score: must be from {GOOD_SCORE} to 1 for a good answer, from 0 to below that for a bad one."
        )
    return Said(rating, score, words)


def _claimed(principal: Principal, task_id: UUID, said: Said, key: str) -> tuple[IdempotencyRecord, bool]:
    """Return the key's record and whether this is its first use; a concurrent use waits for the first one's commit."""
    body = [str(task_id), who_of(principal), said.rating, said.score, said.comment]
    digest = hashlib.sha256(json.dumps(body).encode()).hexdigest()
    record, is_first = IdempotencyRecord.objects.get_or_create(
        tenant_id=principal.tenant_id, endpoint=ENDPOINT, key=key, defaults={"request_digest": digest}
    )
    if record.request_digest != digest:
        raise IdempotencyMismatch(details={"idempotency_key": key})
    return record, is_first


def _locked(principal: Principal, task_id: UUID) -> Task:
    rows = Task.objects.select_for_update(no_key=True).defer("result", "context", "parameters", "principal")
    task = rows.filter(id=task_id, tenant_id=principal.tenant_id).first()
    if task is None:
        raise TaskNotFound(details={"task_id": str(task_id)})
    if task.status != TaskStatus.COMPLETED:
        known = {"task_id": str(task_id), "status": task.status}
        raise AnswerMissing(f"The task is {task.status}; it has no answer to say anything of.", details=known)
    return task


def _put(principal: Principal, task: Task, said: Said) -> tuple[datetime, bool]:
    """Write it; returns when, and whether it is something else than was said before. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_PUT, [task.tenant_id, task.id, who_of(principal), str(said.rating), said.score, said.comment])
        given_at, is_new = cursor.fetchone()
    return given_at, is_new


def _follow_up(task: Task, principal: Principal, told: dict[str, object]) -> None:
    """Bring everything up to what people say now: the task, the memories, the records of the router, the events."""
    said = feedback_of(task_id=task.id)
    rating = _rating(task.id, list(reversed(said)))
    task.feedback_score, task.feedback_count = rating.score, len(said)
    learned = outcome_revise(task) if settings.SHANNON_ROUTER_LEARNS else None
    task.learned = learned.as_json() if learned else task.learned
    task.save(update_fields=["feedback_score", "feedback_count", "learned"])
    memories_rate([rating])
    comment = bounded_text(str(told.get("comment", "")), SHOWN_CHARACTERS)
    payload = {**told, "comment": comment, "by": who_of(principal), "mean": rating.score, "count": len(said)}
    words = f"The answer is called {told['rating']}" if told["rating"] else "What was said of the answer is taken back"
    message = f"{words}: {comment}" if comment else words
    events_append(task_id=task.id, drafts=[EventDraft(EventKind.USER_FEEDBACK, message, payload)])


def _rating(task_id: UUID, said: list[AnswerFeedback]) -> MemoryRating:
    """Return the mean of what was said, oldest first, and the last comment."""
    if not said:
        return MemoryRating(task_id, None, "")
    last = next((row.comment for row in reversed(said) if row.comment), "")
    return MemoryRating(task_id, fmean(row.score for row in said), last)
