"""Where blobs are kept."""

from collections.abc import Collection, Sequence
from typing import Protocol
from uuid import UUID

from agents.blobs.types import Blob


class BlobStore(Protocol):
    """Keeps the bytes of large values, each once in its tenant."""

    def put(self, tenant_id: UUID, blobs: Sequence[Blob]) -> None:
        """Keep them; what the tenant has already stays as it is."""

    def get(self, tenant_id: UUID, digests: Collection[str]) -> dict[str, bytes]:
        """Return the bytes of those that the tenant has, by digest."""
