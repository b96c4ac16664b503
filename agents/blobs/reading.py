"""Reading large values of a tenant: whole, a page of a text, or many beginnings at once."""

from collections.abc import Collection
from uuid import UUID

from django.db import connection

from agents.blobs.types import Blob, BlobRef
from agents.errors import BlobNotFound

_MAX_BYTES_PER_CHARACTER = 4  # of UTF-8


def blob_get(*, tenant_id: UUID, digest: str) -> Blob:
    """Return a blob of the tenant, whole.

    Raises:
        BlobNotFound: The tenant has none of this digest, or it was dropped with its month.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT media_type, size_bytes, characters, data FROM agents_blob WHERE tenant_id = %s AND digest = %s"
            " LIMIT 1",
            [tenant_id, digest],
        )
        row = cursor.fetchone()
    if row is None:
        raise BlobNotFound(details={"digest": digest[:64]})
    return Blob(BlobRef(digest, row[1], row[0], row[2]), bytes(row[3]))


def blob_text(*, tenant_id: UUID, digest: str, offset: int, limit: int) -> tuple[str, int]:
    """Return a page of a text and how many characters it has in all; only the page leaves the database.

    Args:
        tenant_id: Whose text.
        digest: Which.
        offset: First character, from 0.
        limit: Characters, at least 1.

    Raises:
        BlobNotFound: The tenant has no text of this digest, or it was dropped with its month.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT substr(convert_from(data, 'UTF8'), %s, %s), characters FROM agents_blob"
            " WHERE tenant_id = %s AND digest = %s AND characters IS NOT NULL LIMIT 1",
            [offset + 1, limit, tenant_id, digest],
        )
        row = cursor.fetchone()
    if row is None:
        raise BlobNotFound(details={"digest": digest[:64]})
    return row[0], row[1]


def blob_heads(*, tenant_id: UUID, digests: Collection[str], characters: int) -> dict[str, str]:
    """Return the beginnings of texts, by digest, in one query; those that are gone are left out."""
    if not digests:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (digest) digest, substring(data FROM 1 FOR %s) FROM agents_blob"
            " WHERE tenant_id = %s AND digest = ANY(%s)",
            [characters * _MAX_BYTES_PER_CHARACTER, tenant_id, list(digests)],
        )
        return {digest: bytes(data).decode("utf-8", "ignore")[:characters] for digest, data in cursor.fetchall()}
