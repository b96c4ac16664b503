"""Large values to look at: of each text that is stored apart its beginning, in its place."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from agents.blobs.packing import MARK, digests_in, is_packed, put_at, refs_of
from agents.blobs.reading import blob_heads
from agents.journal.bounds import bounded_text


def values_shown(
    tenant_id: UUID, values: Sequence[Mapping[str, Any] | None], *, characters: int
) -> list[dict[str, Any] | None]:
    """Return objects as `value_unpack` would, but of each text that is stored apart only the beginning.

    One query, none where nothing is stored apart. An object that is stored as a whole becomes `{"truncated": true,
    "bytes", "beginning"}`; what was dropped with its month is empty, and says how long it was.

    Args:
        tenant_id: Whose they are.
        values: JSON objects, packed or not.
        characters: How much of a text is shown.
    """
    heads = blob_heads(tenant_id=tenant_id, digests=digests_in(values), characters=characters)
    return [None if value is None else _shown(value, heads, characters) for value in values]


def _shown(value: Mapping[str, Any], heads: Mapping[str, str], characters: int) -> dict[str, Any]:
    if not is_packed(value):
        return dict(value)
    refs = dict(refs_of(value))
    whole = refs.pop("", None)
    if whole is not None:
        return {"truncated": True, "bytes": whole.size_bytes, "beginning": heads.get(whole.digest, "")}
    rest: dict[str, Any] = copy.deepcopy(value[MARK]["value"])
    for pointer, ref in refs.items():
        head = heads.get(ref.digest, "")
        put_at(rest, pointer, bounded_text(head, characters, characters=ref.characters))
    return rest
