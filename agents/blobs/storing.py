"""Storing large values of a tenant."""

from collections.abc import Collection, Sequence
from uuid import UUID

from django.conf import settings
from django.db import connection

from agents.blobs.base import BlobStore
from agents.blobs.postgres import PostgresBlobStore
from agents.blobs.types import Blob, BlobRef, blob_of
from agents.errors import BlobTooLarge


def blob_put(*, tenant_id: UUID, data: bytes | str, media_type: str = "", store: BlobStore | None = None) -> BlobRef:
    """Store bytes or a text for a tenant and return what stands for it; the same content is stored once.

    Args:
        tenant_id: Whose it is: no other tenant can read it.
        data: The content; of a text, the UTF-8 bytes are stored.
        media_type: What it is; a text without one is `text/plain`, bytes are `application/octet-stream`.
        store: Where to; Postgres unless a test brings its own.

    Raises:
        BlobTooLarge: It has more than `SHANNON_BLOB_MAX_BYTES` (the caller's to bound).
    """
    blob = blob_of(data, media_type)
    if blob.ref.size_bytes > settings.SHANNON_BLOB_MAX_BYTES:
        raise BlobTooLarge(
            f"A value of {blob.ref.size_bytes} bytes is not kept; at most {settings.SHANNON_BLOB_MAX_BYTES} are.",
            details={"size_bytes": blob.ref.size_bytes, "max_bytes": settings.SHANNON_BLOB_MAX_BYTES},
        )
    (store or PostgresBlobStore()).put(tenant_id, [blob])
    return blob.ref


def blobs_put(*, tenant_id: UUID, blobs: Sequence[Blob]) -> None:
    """Store several at once, in one query; the caller has bounded them."""
    PostgresBlobStore().put(tenant_id, blobs)


def blobs_keep(*, tenant_id: UUID, digests: Collection[str]) -> None:
    """Keep blobs for another while: for a new row that names what an older one stored, in an earlier month perhaps."""
    if not digests:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO agents_blob (tenant_id, digest, media_type, size_bytes, characters, data)"
            " SELECT DISTINCT ON (digest) tenant_id, digest, media_type, size_bytes, characters, data FROM agents_blob"
            " WHERE tenant_id = %s AND digest = ANY(%s) ORDER BY digest"
            " ON CONFLICT (tenant_id, digest, month) DO NOTHING",
            [tenant_id, list(digests)],
        )
