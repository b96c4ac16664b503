"""JSON objects that are too large for a row: their large parts are stored as blobs, references stay in their place.

A packed object is `{"$blob": {"parts": {pointer: reference}, "value": the rest}}`: each pointer (RFC 6901) says where
a text was taken out. If the rest is too large by itself, it is a blob as well: `{"$blob": {"parts": …, "whole":
reference}}`. The mark stands at the top only, where no caller's data is, so nothing inside can be taken for one.
Since texts are taken out one by one, a conversation that grows turn by turn stores each of its messages once.
"""

import copy
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from agents.blobs.base import BlobStore
from agents.blobs.postgres import PostgresBlobStore
from agents.blobs.types import MEDIA_JSON, Blob, BlobRef, blob_of
from agents.errors import BlobNotFound

MARK: Final = "$blob"
PART_MIN_CHARACTERS: Final = 4 * 1024  # of an object that is too large, texts longer than this are taken out


def value_pack(
    tenant_id: UUID, value: dict[str, Any], *, size_bytes: int | None = None, store: BlobStore | None = None
) -> dict[str, Any]:
    """Return the object as a row may hold it: itself, or packed if it is larger than `SHANNON_INLINE_MAX_BYTES`.

    Args:
        tenant_id: Whose it is.
        value: A JSON object as `storable_json` returns it.
        size_bytes: Its size as JSON if the caller knows it.
        store: Where to; Postgres unless a test brings its own.
    """
    if MARK not in value and (_size(value) if size_bytes is None else size_bytes) <= settings.SHANNON_INLINE_MAX_BYTES:
        return value
    blobs: dict[str, Blob] = {}
    rest = _without_long_texts(value, "", blobs)
    parts = {pointer: blob.ref.as_json() for pointer, blob in blobs.items()}
    packed: dict[str, Any] = {"parts": parts, "value": rest}
    if _size(rest) > settings.SHANNON_INLINE_MAX_BYTES:
        whole = blob_of(_dumps(rest), MEDIA_JSON)
        blobs[""] = whole
        packed = {"parts": parts, "whole": whole.ref.as_json()}
    (store or PostgresBlobStore()).put(tenant_id, list(blobs.values()))
    return {MARK: packed}


def value_unpack(tenant_id: UUID, value: Mapping[str, Any], *, store: BlobStore | None = None) -> dict[str, Any]:
    """Return what `value_pack` was given; asks nobody if it was not packed, else one query.

    Raises:
        BlobNotFound: A part of it was dropped with its month.
    """
    (unpacked,) = values_unpack(tenant_id, [value], store=store)
    return unpacked or {}


def values_unpack(
    tenant_id: UUID, values: Sequence[Mapping[str, Any] | None], *, store: BlobStore | None = None
) -> list[dict[str, Any] | None]:
    """Return what `value_pack` was given for each of them; asks nobody if none was packed, else one query for all.

    Raises:
        BlobNotFound: A part of one was dropped with its month.
    """
    digests = digests_in(values)
    found = (store or PostgresBlobStore()).get(tenant_id, digests) if any(map(is_packed, values)) else {}
    gone = sorted(digests - found.keys())
    if gone:
        raise BlobNotFound(f"{len(gone)} parts of this value are no longer kept.", details={"digests": gone[:20]})
    return [None if value is None else _unpacked(value, found) for value in values]


def _unpacked(value: Mapping[str, Any], found: Mapping[str, bytes]) -> dict[str, Any]:
    if not is_packed(value):
        return dict(value)
    refs = dict(refs_of(value))
    whole = refs.pop("", None)
    rest: dict[str, Any] = copy.deepcopy(value[MARK]["value"]) if whole is None else json.loads(found[whole.digest])
    for pointer, ref in refs.items():
        put_at(rest, pointer, found[ref.digest].decode())
    return rest


def is_packed(value: Mapping[str, Any] | None) -> bool:
    """Return whether `value_pack` took something out of it."""
    return value is not None and MARK in value


def refs_of(value: Mapping[str, Any] | None) -> Iterator[tuple[str, BlobRef]]:
    """Yield what a packed object refers to, with the pointer to its place; `""` is the object itself."""
    if value is None or MARK not in value:
        return
    packed = value[MARK]
    for pointer, ref in packed["parts"].items():
        yield pointer, BlobRef.from_json(ref)
    if "whole" in packed:
        yield "", BlobRef.from_json(packed["whole"])


def digests_in(values: Iterable[Mapping[str, Any] | None]) -> set[str]:
    """Return the digests of all that these objects refer to."""
    return {ref.digest for value in values for _, ref in refs_of(value)}


def _without_long_texts(value: Any, pointer: str, blobs: dict[str, Blob]) -> Any:
    if isinstance(value, str) and len(value) >= PART_MIN_CHARACTERS:
        blobs[pointer] = blob_of(value)
        return None
    if isinstance(value, dict):
        return {key: _without_long_texts(item, f"{pointer}/{_escaped(key)}", blobs) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_long_texts(item, f"{pointer}/{index}", blobs) for index, item in enumerate(value)]
    return value


def put_at(value: Any, pointer: str, text: str) -> None:
    """Put a text at the place in a JSON value that a pointer names; the place is there."""
    *path, last = (_unescaped(token) for token in pointer.split("/")[1:])
    for token in path:
        value = value[int(token)] if isinstance(value, list) else value[token]
    value[int(last) if isinstance(value, list) else last] = text


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _unescaped(token: str) -> str:
    return token.replace("~1", "/").replace("~0", "~")


def _size(value: Any) -> int:
    return len(_dumps(value).encode())


def _dumps(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
