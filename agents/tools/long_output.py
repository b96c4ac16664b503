"""What a model is shown of a tool's output: all of it, or beginning and end with a reference to the whole."""

import json
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from agents.blobs import Blob, blobs_put
from agents.blobs.types import blob_of
from agents.journal.bounds import storable_json
from agents.journal.closing import write_patiently
from agents.types import Json

PAGING_TOOL: Final = "output_read"
_TEXT_SHARE: Final = 8  # a text may take this part of what is shown
_END_SHARE: Final = 4  # and its end this part of that
_MAX_BYTES_PER_CHARACTER: Final = 4


@dataclass(slots=True)
class _Shortening:
    """Cuts texts and keeps the whole ones."""

    max_characters: int
    blobs: dict[str, Blob] = field(default_factory=dict)

    def of(self, value: Any) -> Any:
        """Return the JSON value with every long text cut."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.of(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.of(item) for item in value]
        return value

    def text(self, text: str) -> str:
        """Return a text, or its beginning and end around a statement of how to read the rest."""
        if len(text) <= self.max_characters:
            return text
        kept = text[: settings.SHANNON_BLOB_MAX_BYTES // _MAX_BYTES_PER_CHARACTER]
        blob = blob_of(kept)
        self.blobs[blob.ref.digest] = blob
        end = self.max_characters // _END_SHARE
        beginning = self.max_characters - end
        stated = f"{len(text)} characters in all"
        if len(kept) < len(text):
            stated += f", of which the first {len(kept)} are kept"
        return (
            f"{text[:beginning]}… [cut: {stated}; read more with {PAGING_TOOL}, reference {blob.ref.digest}, "
            f"offset {beginning}] …{text[-end:]}"
        )


def output_shown(tenant_id: UUID, output: Json, max_bytes: int) -> tuple[Json, tuple[str, ...]]:
    """Return what a model is shown of an output, and the references under which the rest can be read.

    Long texts inside it are cut one by one, so that its shape stays. If it is still too large, it is shown as the
    beginning and end of its JSON text: `{"truncated": true, "bytes", "text"}`.

    Raises:
        TypeError, ValueError: It is no JSON (the tool's defect).
    """
    stored, size_bytes = storable_json({"output": output})
    if size_bytes <= max_bytes or _size_bytes(stored) <= max_bytes:
        return stored["output"], ()
    shortening = _Shortening(max_bytes // _TEXT_SHARE)
    shown = shortening.of(stored["output"])
    if _size_bytes(shown) > max_bytes:
        shortening = _Shortening(max_bytes // _TEXT_SHARE)
        text = json.dumps(stored["output"], sort_keys=True, ensure_ascii=False, indent=1)
        shown = {"truncated": True, "bytes": size_bytes, "text": shortening.text(text)}
    # the tool has done its part, perhaps for good: the write must outlive a database that is away for a moment
    write_patiently(lambda _: blobs_put(tenant_id=tenant_id, blobs=list(shortening.blobs.values())))
    return shown, tuple(shortening.blobs)


def _size_bytes(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
