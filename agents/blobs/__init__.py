"""Blobs: large values are stored once and passed by reference."""

from agents.blobs.packing import digests_in, is_packed, value_pack, value_unpack, values_unpack
from agents.blobs.reading import blob_get, blob_heads, blob_text
from agents.blobs.storing import blob_put, blobs_keep, blobs_put
from agents.blobs.types import Blob, BlobRef

__all__ = [
    "Blob",
    "BlobRef",
    "blob_get",
    "blob_heads",
    "blob_put",
    "blob_text",
    "blobs_keep",
    "blobs_put",
    "digests_in",
    "is_packed",
    "value_pack",
    "value_unpack",
    "values_unpack",
]
