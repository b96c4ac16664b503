"""Reads of sessions and messages; every query is filtered by the tenant."""

import re
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet

from agents.errors import SessionIdInvalid, SessionNotFound
from agents.journal.bounds import bounded_text
from agents.models import Message, Session
from agents.types import MessageRole
from policy.types import Principal
from shannon_project.foundation.database import prepared_cursor
from shannon_project.foundation.desk import Desk

ASKING_AT_ONCE: Final = 1_000
# Of fixed text, since every step of a model begins with it: to have the ORM make it takes longer than to run it.
_BEFORE: Final = """
    SELECT role, content FROM agents_message
    WHERE session_id = %(session)s AND id < (
        SELECT id FROM agents_message WHERE session_id = %(session)s AND task_id = %(task)s AND role = %(role)s
    )
    ORDER BY id DESC LIMIT %(most)s
"""
_EXTERNAL_ID: Final = re.compile(r"[A-Za-z0-9:_\-.]{1,128}")


def uuid_from(text: str) -> UUID | None:
    """Return the UUID that the text is, or None when it is not UUID-shaped."""
    try:
        return UUID(text) if len(text) in (32, 36) else None
    except ValueError:
        return None


def external_id_from(text: str) -> str:
    """Return the text if it may be a caller's own session id.

    Raises:
        SessionIdInvalid: It is too long or has other characters (the caller's fault).
    """
    if not _EXTERNAL_ID.fullmatch(text):
        raise SessionIdInvalid(details={"session_id": text[:200]})
    return text


def session_for(*, principal: Principal, session_id: str | UUID) -> Session:
    """Return the session with this id or caller's name.

    Raises:
        SessionNotFound: There is none, it was deleted, or it is another tenant's.
    """
    key = str(session_id)
    as_uuid = uuid_from(key)
    wanted = Q(pk=as_uuid) if as_uuid else Q(external_id=key)
    session = _sessions_of(principal).filter(wanted).first()
    if session is None:
        raise SessionNotFound(f"There is no session {key[:200]}.", details={"session_id": key[:200]})
    return session


def session_id_for(*, principal: Principal, session_id: str) -> UUID | None:
    """Return the id of the session with this id or caller's name; None: there is none yet. At most one query."""
    if (as_uuid := uuid_from(session_id)) is not None:
        return as_uuid
    found = _sessions_of(principal).filter(external_id=session_id)
    return found.values_list("id", flat=True).first()


def sessions_page(*, principal: Principal, limit: int, offset: int = 0) -> tuple[list[Session], int]:
    """Return sessions of the tenant, newest first, and how many there are in all."""
    sessions = _sessions_of(principal)
    return list(sessions.order_by("-created_at", "-id")[offset : offset + limit]), sessions.count()


def messages_recent(*, principal: Principal, session_id: UUID, limit: int) -> list[Message]:
    """Return the session's last messages, at most `limit`, oldest first; none of another tenant's session."""
    messages = Message.objects.filter(session_id=session_id, session__tenant_id=principal.tenant_id)
    return list(reversed(messages.order_by("-id")[:limit]))


def messages_before(*, session_id: UUID, task_id: UUID) -> tuple[tuple[str, str], ...]:
    """Return `(role, content)` of what was said in the session before the task's own question, oldest first.

    At most `SHANNON_HISTORY_MAX_MESSAGES`, each bounded. What is said later is not in it, but a message with an
    earlier id may still commit, so a step reads this through its journal. A task without a question in this session
    has no history. Threads that ask the same at the same time share a query that begins after they did.
    """
    return _HISTORIES.bring((session_id, task_id), None)


def _messages_before(session_id: UUID, task_id: UUID) -> tuple[tuple[str, str], ...]:
    most, longest = settings.SHANNON_HISTORY_MAX_MESSAGES, settings.SHANNON_HISTORY_MESSAGE_MAX_CHARACTERS
    with prepared_cursor() as cursor:
        cursor.execute(_BEFORE, {"session": session_id, "task": task_id, "role": MessageRole.USER.value, "most": most})
        newest = cursor.fetchall()
    return tuple((role, bounded_text(content, longest)) for role, content in reversed(newest))


def _sessions_of(principal: Principal) -> QuerySet[Session]:
    return Session.objects.filter(tenant_id=principal.tenant_id, deleted_at__isnull=True)


_HISTORIES: Final[Desk[tuple[UUID, UUID], None, tuple[tuple[str, str], ...]]] = Desk(
    lambda place, asking: [_messages_before(*place)] * len(asking), at_once=ASKING_AT_ONCE
)
