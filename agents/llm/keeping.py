"""Prompts and answers of calls, kept by reference for as long as the tenant's rules say, and no longer."""

import json
from hashlib import sha256
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from agents.gateway_models import KeptText
from agents.llm.redaction import text_redacted
from agents.llm.types import ModelReply, ModelRequest
from shannon_project.foundation.text import storable_text

_TEXT_MAX_CHARACTERS: Final = 1_000_000
_PURGE_BATCH: Final = 1_000


def texts_keep(*, tenant_id: UUID, days: int, request: ModelRequest, reply: ModelReply | None) -> tuple[str, str]:
    """Keep what was asked and answered, redacted, and return the digests by which it is found; one statement.

    Texts that say the same are kept once, until the last of those that need them is over. Nothing is kept for 0 days.
    """
    if days <= 0:
        return "", ""
    asked = {"messages": list(request.messages), "tools": list(request.tools or ()), "options": dict(request.options)}
    prompt = _fit(json.dumps(asked, ensure_ascii=False, sort_keys=True), tenant_id)
    answer = "" if reply is None else _fit(json.dumps(_answer(reply), ensure_ascii=False, sort_keys=True), tenant_id)
    rows = {_digest(text): text for text in (prompt, answer) if text}
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO agents_kepttext (tenant_id, digest, text, expires_at)"
            " SELECT %s, digest, text, now() + make_interval(days => %s)"
            " FROM unnest(%s::text[], %s::text[]) AS v(digest, text) ORDER BY digest"
            " ON CONFLICT (tenant_id, digest) DO UPDATE"
            " SET expires_at = greatest(agents_kepttext.expires_at, excluded.expires_at)",
            [tenant_id, days, list(rows), list(rows.values())],
        )
    return _digest(prompt), _digest(answer) if answer else ""


def texts_purge() -> int:
    """Remove texts and cached answers whose time is over, a batch of each; return how many were removed."""
    with connection.cursor() as cursor:
        removed = 0
        for table in ("agents_kepttext", "agents_cachedanswer"):
            cursor.execute(
                f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE expires_at < now()"  # noqa: S608 - ours
                " LIMIT %s FOR UPDATE SKIP LOCKED)",
                [_PURGE_BATCH],
            )
            removed += cursor.rowcount
    return removed


def text_kept(*, tenant_id: UUID, digest: str) -> str | None:
    """Return a tenant's text by its digest; None: it was not kept, or its time is over."""
    rows = KeptText.objects.filter(tenant_id=tenant_id, digest=digest, expires_at__gt=Now())
    return rows.values_list("text", flat=True).first()


def _answer(reply: ModelReply) -> dict[str, object]:
    return {"text": reply.text, "tool_calls": [call.as_message_part() for call in reply.tool_calls]}


def _fit(text: str, tenant_id: UUID) -> str:
    return storable_text(text_redacted(text, tenant_id=tenant_id))[:_TEXT_MAX_CHARACTERS]


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
