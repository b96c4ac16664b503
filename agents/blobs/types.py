"""A large value, and what stands for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from shannon_project.foundation.text import storable_text

MEDIA_TEXT: Final = "text/plain"
MEDIA_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class BlobRef:
    """Stands for a value that is stored once in its tenant.

    Attributes:
        digest: SHA-256 (hex) of the bytes; the name under which a tenant reads it.
        size_bytes: Of the bytes.
        media_type: What the bytes are; text and JSON are UTF-8.
        characters: Of a text; None for other bytes.
    """

    digest: str
    size_bytes: int
    media_type: str
    characters: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return JSON values from which `from_json` makes the same reference."""
        return {
            "digest": self.digest,
            "size_bytes": self.size_bytes,
            "media_type": self.media_type,
            "characters": self.characters,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "BlobRef":
        """Return what `as_json` was given."""
        return cls(value["digest"], value["size_bytes"], value["media_type"], value["characters"])


@dataclass(frozen=True, slots=True)
class Blob:
    """A reference with its bytes."""

    ref: BlobRef
    data: bytes

    @property
    def text(self) -> str:
        """The bytes as UTF-8 text; what is no UTF-8 becomes U+FFFD."""
        return self.data.decode("utf-8", "replace")


def blob_of(data: bytes | str, media_type: str = "") -> Blob:
    """Return the blob of these bytes or this text, not stored yet; without a media type a text is plain."""
    if isinstance(data, str):
        text = storable_text(data)
        raw = text.encode()
        return Blob(_ref(raw, media_type or MEDIA_TEXT, len(text)), raw)
    return Blob(_ref(data, media_type or "application/octet-stream", None), data)


def _ref(data: bytes, media_type: str, characters: int | None) -> BlobRef:
    return BlobRef(sha256(data).hexdigest(), len(data), media_type, characters)
