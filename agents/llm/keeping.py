"""Prompts and answers of calls, kept by reference for as long as the tenant's rules say, and no longer."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final
from uuid import UUID

from django.db import connection

from agents.llm.redaction import text_redacted
from agents.llm.types import ModelReply, ModelRequest
from shannon_project.foundation.database import sent
from shannon_project.foundation.text import storable_text

_TEXT_MAX_CHARACTERS: Final = 1_000_000
_PURGE_BATCH: Final = 1_000
_KEEP: Final = """
    INSERT INTO agents_kepttext (tenant_id, digest, text, expires_at)
    SELECT %(tenant_id)s, digest, text, now() + make_interval(days => days)
    FROM unnest(%(digests)s::text[], %(texts)s::text[], %(days)s::int[]) AS v(digest, text, days) ORDER BY digest
    ON CONFLICT (tenant_id, digest) DO UPDATE
    SET expires_at = greatest(agents_kepttext.expires_at, excluded.expires_at)
"""


@dataclass(frozen=True, slots=True)
class Texts:
    """What is kept of a call, by digest, and for how many days. Digests are empty for what is kept nowhere."""

    prompt_digest: str = ""
    answer_digest: str = ""
    days: int = 0
    by_digest: Mapping[str, str] = field(default_factory=dict)


def texts_of(*, tenant_id: UUID, days: int, request: ModelRequest, reply: ModelReply | None) -> Texts:
    """Return what was asked and answered, redacted, as it is to be kept; nothing for 0 days."""
    if days <= 0:
        return Texts()
    asked = {"messages": list(request.messages), "tools": list(request.tools or ()), "options": dict(request.options)}
    prompt = _fit(json.dumps(asked, ensure_ascii=False, sort_keys=True), tenant_id)
    answer = "" if reply is None else _fit(json.dumps(_answer(reply), ensure_ascii=False, sort_keys=True), tenant_id)
    by_digest = {_digest(text): text for text in (prompt, answer) if text}
    return Texts(_digest(prompt), _digest(answer) if answer else "", days, by_digest)


def texts_keep(tenant_id: UUID, texts: Sequence[Texts]) -> None:
    """Keep texts of a tenant's calls in one statement, which may be on its way when this returns.

    Texts that say the same are kept once, until the last of those that need them is over.
    """
    days = {digest: each.days for each in sorted(texts, key=lambda each: each.days) for digest in each.by_digest}
    every = {digest: text for each in texts for digest, text in each.by_digest.items()}
    if every:
        digests = sorted(every)
        values = {
            "tenant_id": tenant_id,
            "digests": digests,
            "texts": [every[digest] for digest in digests],
            "days": [days[digest] for digest in digests],
        }
        sent(_KEEP, values)


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


def _answer(reply: ModelReply) -> dict[str, object]:
    return {"text": reply.text, "tool_calls": [call.as_message_part() for call in reply.tool_calls]}


def _fit(text: str, tenant_id: UUID) -> str:
    return storable_text(text_redacted(text, tenant_id=tenant_id))[:_TEXT_MAX_CHARACTERS]


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
