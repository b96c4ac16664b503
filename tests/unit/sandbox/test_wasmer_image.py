"""The image of a guest's package: what is put in is found again, by its offsets, lengths and hashes."""

import hashlib
import struct
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.runtimes.wasmer.image import image_save

_NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=300)
_FILES = st.recursive(st.binary(max_size=64), lambda inner: st.dictionaries(_NAMES, inner, min_size=1, max_size=4))
_SECTION_HEAD = 1 + 32 + 8  # tag, hash, length


def u64(data: bytes, at: int) -> int:
    return int(struct.unpack_from("<Q", data, at)[0])


def cbor(data: bytes, at: int = 0) -> tuple[Any, int]:
    """Read one value as RFC 8949 has it."""
    kind, low = data[at] >> 5, data[at] & 0x1F
    if data[at] == 0xF6:
        return None, at + 1
    size = 0 if low < 24 else 1 << (low - 24)
    number = int.from_bytes(data[at + 1 : at + 1 + size], "big") if size else low
    at += 1 + size
    if kind == 0:
        return number, at
    if kind in (2, 3):
        raw = data[at : at + number]
        return (raw.decode() if kind == 3 else raw), at + number
    items = []
    for _ in range(number * (2 if kind == 5 else 1)):
        item, at = cbor(data, at)
        items.append(item)
    return (dict(zip(items[::2], items[1::2], strict=True)) if kind == 5 else items), at


def tree_of(volume: bytes) -> Any:
    """Read a volume back, and hold its hashes to its contents."""
    header = volume[8 : 8 + u64(volume, 0)]
    data = volume[8 + len(header) + 8 :]
    assert u64(volume, 8 + len(header)) == len(data)

    def entry(at: int) -> tuple[Any, bytes]:
        if header[at] == 31:
            contents = data[u64(header, at + 1) : u64(header, at + 9)]
            assert header[at + 17 : at + 49] == hashlib.sha256(contents).digest()
            return contents, hashlib.sha256(contents).digest()
        assert header[at] == 30
        end, digest = at + 9 + u64(header, at + 1), header[at + 33 : at + 65]
        line, found, hashes = at + 65, {}, hashlib.sha256()
        while line < end:
            size = u64(header, line + 40)
            name = header[line + 48 : line + 48 + size].decode()
            found[name], inner = entry(u64(header, line))
            assert inner == header[line + 8 : line + 40]
            hashes.update(inner)
            line += 48 + size
        assert digest == hashes.digest()
        return found, digest

    return entry(0)[0]


def sections_of(image: bytes) -> tuple[Any, bytes, bytes]:
    """Return manifest, modules and volume of an image, by its index."""
    assert image[:8] == b"\0webc003"
    index, _ = cbor(image, 17)
    found = []
    for tag, said in ((1, index["manifest"]), (3, index["atoms"]), (4, index["volumes"]["files"])):
        start, size = said["span"]["start"], said["span"]["len"]
        content = image[start + _SECTION_HEAD : start + size]
        assert image[start] == tag
        assert image[start + 1 : start + 33] == hashlib.sha256(content).digest()
        assert u64(image, start + 33) == len(content)
        found.append(content)
    return cbor(found[0])[0], found[1], found[2]


def flat(tree: Any, folder: str) -> dict[str, bytes]:
    if isinstance(tree, bytes):
        return {folder: tree}
    return {
        path: contents for name, inner in tree.items() for path, contents in flat(inner, f"{folder}/{name}").items()
    }


@settings(max_examples=60, deadline=None)
@given(module=st.binary(max_size=70_000), tree=st.dictionaries(_NAMES, _FILES, min_size=1, max_size=4))
def test_module_and_files_are_found_again(tmp_path_factory: Any, module: bytes, tree: dict[str, Any]) -> None:
    path: Path = tmp_path_factory.mktemp("image") / "guest.webc"
    image_save(path, module=module, files=flat(tree, "/shannon"), folder="/shannon")
    manifest, atoms, volume = sections_of(path.read_bytes())
    assert manifest["package"]["fs"][0]["mount_path"] == "/shannon"
    assert tree_of(atoms) == {"main": module}
    named = 8 + len(b"files")
    assert volume[8:named] == b"files"
    assert tree_of(volume[named:]) == tree
    assert list(path.parent.iterdir()) == [path]
