"""Blobs in Postgres: `agents_blob`, partitioned by the month in which a tenant stored the bytes."""

from collections.abc import Collection, Sequence
from itertools import accumulate
from uuid import UUID

from django.db import connection

from agents.blobs.types import Blob
from shannon_project.foundation.database import prepared_cursor


class PostgresBlobStore:
    """One row for each blob of a tenant and month.

    A blob is written before the row that names it and outside that row's transaction: the bytes hold up no lock, and
    if the row is never written they are dropped with their month.
    """

    def put(self, tenant_id: UUID, blobs: Sequence[Blob]) -> None:
        """Insert what is not there yet, in one query; sorted, so that two writers never wait for each other in turn."""
        if not blobs:
            return
        ordered = sorted({blob.ref.digest: blob for blob in blobs}.items())
        refs = [blob.ref for _, blob in ordered]
        # Bytes go as they are, all in one value: in a list of them the driver would write each out, twice as long and
        # in several copies, and a plain cursor once more in the text of its statement.
        ends = list(accumulate(ref.size_bytes for ref in refs))
        with prepared_cursor() as cursor:
            cursor.execute(
                "INSERT INTO agents_blob (tenant_id, digest, media_type, size_bytes, characters, data)"
                " SELECT %s, digest, media_type, size_bytes, characters,"
                " substring(%s::bytea FROM last - size_bytes::int + 1 FOR size_bytes::int)"
                " FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::int[])"
                " AS b(digest, media_type, size_bytes, characters, last)"
                " ON CONFLICT (tenant_id, digest, month) DO NOTHING",
                [
                    tenant_id,
                    b"".join(blob.data for _, blob in ordered),
                    [ref.digest for ref in refs],
                    [ref.media_type for ref in refs],
                    [ref.size_bytes for ref in refs],
                    [ref.characters for ref in refs],
                    ends,
                ],
            )

    def get(self, tenant_id: UUID, digests: Collection[str]) -> dict[str, bytes]:
        """Read them in one query."""
        if not digests:
            return {}
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT DISTINCT ON (digest) digest, data FROM agents_blob WHERE tenant_id = %s AND digest = ANY(%s)",
                [tenant_id, list(digests)],
            )
            return {digest: bytes(data) for digest, data in cursor.fetchall()}
