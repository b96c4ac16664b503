"""Changes of sessions and messages."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from agents.errors import SessionNotFound, SessionTitleInvalid
from agents.models import Message, Session
from agents.sessions.reading import external_id_from, session_for, uuid_from
from agents.types import TITLE_MAX_CHARACTERS, MessageRole
from policy.types import Principal
from shannon_project.foundation.database import prepared_cursor
from shannon_project.foundation.ids import uuid7
from shannon_project.foundation.postgres.rows import row_insert
from shannon_project.foundation.text import storable_text


def session_open(*, principal: Principal, session_id: str | None, context: Mapping[str, Any] | None = None) -> Session:
    """Return the session to work in.

    Args:
        principal: Who acts.
        session_id: None: a new session. A UUID: the session with this id. Another name: the tenant's session of
            this name, made if there is none.
        context: JSON kept with a new session.

    Raises:
        SessionNotFound: A UUID of no session of the tenant (the caller's fault).
        SessionIdInvalid: Neither a UUID nor a valid name (the caller's fault).
    """
    new = {"user_id": principal.user_id, "context": dict(context or {})}
    if session_id is None:
        session = Session(tenant_id=principal.tenant_id, **new)
        row_insert(session)
        return session
    if uuid_from(session_id):
        return session_for(principal=principal, session_id=session_id)
    session, _ = Session.objects.get_or_create(
        tenant_id=principal.tenant_id, external_id=external_id_from(session_id), deleted_at=None, defaults=new
    )
    return session


def session_rename(*, principal: Principal, session_id: str | UUID, title: str) -> Session:
    """Give the session another title and return it.

    Raises:
        SessionNotFound: There is no such session of the tenant.
        SessionTitleInvalid: The title is empty or longer than 60 characters.
    """
    title = title.strip()
    if not 1 <= len(title) <= TITLE_MAX_CHARACTERS:
        raise SessionTitleInvalid(details={"max_characters": TITLE_MAX_CHARACTERS, "characters": len(title)})
    session = session_for(principal=principal, session_id=session_id)
    session.title = title
    session.updated_at = Now()
    session.save(update_fields=["title", "updated_at"])
    session.refresh_from_db(fields=["updated_at"])
    return session


def session_delete(*, principal: Principal, session_id: str | UUID) -> None:
    """Hide the session; its tasks stay. Its name is free again.

    Raises:
        SessionNotFound: There is no such session of the tenant, or it was deleted before.
    """
    session = session_for(principal=principal, session_id=session_id)
    if not Session.objects.filter(pk=session.pk, deleted_at__isnull=True).update(deleted_at=Now(), updated_at=Now()):
        raise SessionNotFound


def message_append(*, session_id: UUID, task_id: UUID, role: MessageRole | str, content: str) -> None:
    """Add a turn; the first question becomes the title of a session that has none.

    A task's second message of the same role changes nothing, so a repeated call is harmless.
    """
    title = title_from(content) if role == MessageRole.USER else ""
    with prepared_cursor() as cursor:
        cursor.execute(
            "WITH said AS (INSERT INTO agents_message (session_id, task_id, role, content) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING)"
            " UPDATE agents_session SET updated_at = statement_timestamp(),"
            " title = CASE WHEN title = '' THEN %s ELSE title END WHERE id = %s",
            [session_id, task_id, str(role), storable_text(content), title, session_id],
        )


def conversation_add(*, session_id: UUID, turns: Sequence[tuple[str, str]], system: str) -> None:
    """Add what a caller says was said before its question, as far as the session does not know it.

    Args:
        session_id: A session of the caller's tenant.
        turns: `(role, content)`, oldest first; a session that has messages already keeps its own instead.
        system: The caller's instructions; they are added when they differ from the newest ones. May be empty.
    """
    known = Message.objects.filter(session_id=session_id)
    new = [] if known.exists() else [(MessageRole(role), content) for role, content in turns]
    if system:
        told = known.filter(role=MessageRole.SYSTEM).order_by("-id").values_list("content", flat=True).first()
        new += [(MessageRole.SYSTEM, system)] if told != storable_text(system) else []
    Message.objects.bulk_create(
        # They belong to no task; an id of its own for each keeps the rule of one message of a role in a task.
        Message(session_id=session_id, task_id=uuid7(), role=role, content=storable_text(content))
        for role, content in new
    )


def title_from(text: str) -> str:
    """Return a session title made of the beginning of a question, at most 60 characters."""
    line = " ".join(storable_text(text).split())
    return line if len(line) <= TITLE_MAX_CHARACTERS else f"{line[: TITLE_MAX_CHARACTERS - 1].rstrip()}…"
