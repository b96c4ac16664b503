"""Blobs in memory, for tests."""

from collections.abc import Collection, Sequence
from uuid import UUID

from agents.blobs.types import Blob


class FakeBlobStore:
    """Keeps blobs in a dictionary and counts what it is asked."""

    def __init__(self) -> None:
        """Start empty."""
        self.kept: dict[tuple[UUID, str], bytes] = {}
        self.puts = 0
        self.gets = 0

    def put(self, tenant_id: UUID, blobs: Sequence[Blob]) -> None:
        """Keep them."""
        self.puts += 1
        for blob in blobs:
            self.kept.setdefault((tenant_id, blob.ref.digest), blob.data)

    def get(self, tenant_id: UUID, digests: Collection[str]) -> dict[str, bytes]:
        """Return those that there are."""
        self.gets += 1
        return {name: self.kept[tenant_id, name] for name in digests if (tenant_id, name) in self.kept}
