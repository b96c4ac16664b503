"""Large values taken out of JSON objects and put back, with a store in memory."""

from typing import Any
from uuid import uuid4

import pytest

from agents.blobs import is_packed, value_pack, value_unpack
from agents.blobs.fake import FakeBlobStore
from agents.errors import BlobNotFound
from shannon_project.foundation.ids import uuid7

TENANT = uuid7()
LONG = "grüße " * 20_000


def test_a_small_value_stays_where_it_is_and_asks_nobody() -> None:
    store = FakeBlobStore()
    value = {"text": "x" * 60_000}
    assert value_pack(TENANT, value, store=store) is value
    assert value_unpack(TENANT, value, store=store) == value
    assert (store.puts, store.gets) == (0, 0)


@pytest.mark.parametrize(
    "value",
    [
        {"text": LONG, "turns": 3},
        {"messages": [{"role": "user", "content": LONG}, {"role": "assistant", "content": "short"}, {"x": [LONG]}]},
        {"a/b": {"c~d": LONG, "e": None}, "": LONG},
        {"rows": [[n, "cell", 0.1, None, True] for n in range(10_000)]},
        {"rows": [{"t": "y" * 100} for _ in range(3_000)], "text": LONG},
        {"$blob": "a caller's own word"},
    ],
)
def test_a_large_value_comes_back_as_it_was(value: dict[str, Any]) -> None:
    store = FakeBlobStore()
    packed = value_pack(TENANT, value, store=store)
    assert is_packed(packed)
    assert len(str(packed)) < 64 * 1024
    assert value_unpack(TENANT, packed, store=store) == value
    assert value_unpack(TENANT, packed, store=store) == value  # unpacking changes nothing in what was packed
    assert (store.puts, store.gets) == (1, 2)


def test_the_same_text_is_stored_once() -> None:
    store = FakeBlobStore()
    first = value_pack(TENANT, {"messages": [{"content": LONG}]}, store=store)
    value_pack(TENANT, {"messages": [{"content": LONG}, {"content": "and then?"}]}, store=store)
    assert len(store.kept) == 1
    assert first["$blob"]["parts"]["/messages/0/content"]["characters"] == len(LONG)


def test_another_tenant_cannot_unpack_it() -> None:
    store = FakeBlobStore()
    packed = value_pack(TENANT, {"text": LONG}, store=store)
    with pytest.raises(BlobNotFound):
        value_unpack(uuid4(), packed, store=store)
