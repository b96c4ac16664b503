"""A guest's module and files in one file, which wasmer maps: WEBC, version 3, the format of its own packages.

A package that is handed over in memory costs every host a copy of its 22 MB, which the SDK's bindings make byte by byte
and hash: 0.1 s of processor time. A file is mapped, and its pages are shared by all hosts of a machine.

The format is that of the crate `webc` (https://docs.rs/webc): a magic number; sections of a tag, a SHA-256 where it is
no index, a length and data; an index in CBOR (RFC 8949) of where the others are, with room to spare.
"""

import base64
import hashlib
import struct
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final, cast

_MAGIC: Final = b"\0webc003"
_MANIFEST, _INDEX, _ATOMS, _VOLUME, _FOLDER, _FILE = 1, 2, 3, 4, 30, 31
_INDEX_BYTES: Final = 1024
_NO_TIMES: Final = bytes(24)
_HASH_BYTES: Final = 32
_VOLUME_NAME: Final = "files"

_Tree = dict[str, "bytes | _Tree"]


def image_save(path: Path, *, module: bytes, files: Mapping[str, bytes], folder: str) -> None:
    """Write the image of a package with one command, `main`; a file of that name is replaced as a whole.

    Args:
        path: Where it is kept.
        module: What the command runs.
        files: Guest path → contents; what a guest changes of them is its own copy.
        folder: The absolute guest path that all of them are in.
    """
    volume = _volume(_tree(files, folder))
    sections = [
        _section(_MANIFEST, _cbor(_manifest(module, folder))),
        _section(_ATOMS, _volume({"main": module})),
        _section(_VOLUME, _sized(_VOLUME_NAME.encode()) + volume),
    ]
    with NamedTemporaryFile(dir=path.parent, prefix="making-", delete=False) as file:
        file.write(_MAGIC + bytes([_INDEX]) + _sized(_index(sections)))
        file.writelines(sections)
    Path(file.name).replace(path)


def _manifest(module: bytes, folder: str) -> dict[str, Any]:
    digest = base64.b64encode(hashlib.sha256(module).digest()).decode()
    mapping = {"from": None, "volume_name": _VOLUME_NAME, "host_path": None, "mount_path": folder}
    return {
        "package": {"fs": [mapping]},
        "atoms": {"main": {"kind": "https://webc.org/kind/wasm", "signature": f"sha256:{digest}"}},
        "commands": {
            "main": {
                "runner": "https://webc.org/runner/wasi",
                "annotations": {"atom": {"name": "main", "dependency": None}, "wasi": {"atom": "main"}},
            }
        },
        "entrypoint": "main",
    }


def _index(sections: list[bytes]) -> bytes:
    """Return where each section is; nothing is signed, since only who may write the cache could write an image."""
    start = len(_MAGIC) + 1 + 8 + _INDEX_BYTES
    entries = []
    for section in sections:
        span = {"start": start, "len": len(section)}
        entries.append({"span": span, "checksum": {"tag": "checksum-none", "value": b""}})
        start += len(section)
    manifest, atoms, volume = entries
    index = {
        "manifest": manifest,
        "atoms": atoms,
        "volumes": {_VOLUME_NAME: volume},
        "signature": {"tag": "signature-none", "value": b""},
    }
    return _cbor(index).ljust(_INDEX_BYTES, b"\0")


def _tree(files: Mapping[str, bytes], folder: str) -> _Tree:
    root: _Tree = {}
    for path, contents in files.items():
        *folders, name = path.removeprefix(f"{folder}/").split("/")
        tree = root
        for part in folders:
            tree = cast("_Tree", tree.setdefault(part, {}))
        tree[name] = contents
    return root


def _volume(tree: _Tree) -> bytes:
    """Return a tree of files: a header that says what is where, and their contents behind it."""
    header, data = bytearray(), bytearray()
    _put(tree, header, data)
    return _sized(bytes(header)) + _sized(bytes(data))


def _put(entry: bytes | _Tree, header: bytearray, data: bytearray) -> tuple[int, bytes]:
    """Add a file, or a folder and all in it; returns where in the header it begins, and its hash."""
    start = len(header)
    if isinstance(entry, bytes):
        digest = hashlib.sha256(entry).digest()
        data += entry
        header += bytes([_FILE]) + _u64(len(data) - len(entry)) + _u64(len(data)) + digest + _NO_TIMES
        return start, digest
    names = sorted(entry, key=str.encode)
    listed = b"".join(_u64(0) + bytes(_HASH_BYTES) + _sized(name.encode()) for name in names)
    header += bytes([_FOLDER]) + _u64(len(_NO_TIMES) + _HASH_BYTES + len(listed)) + _NO_TIMES
    hash_at = len(header)
    header += bytes(_HASH_BYTES) + listed
    line_at, hashes = hash_at + _HASH_BYTES, hashlib.sha256()
    for name in names:
        inner_start, digest = _put(entry[name], header, data)
        line = _u64(inner_start) + digest
        header[line_at : line_at + len(line)] = line
        line_at += len(line) + len(_sized(name.encode()))
        hashes.update(digest)
    header[hash_at : hash_at + _HASH_BYTES] = hashes.digest()
    return start, hashes.digest()


def _section(tag: int, content: bytes) -> bytes:
    return bytes([tag]) + hashlib.sha256(content).digest() + _sized(content)


def _sized(content: bytes) -> bytes:
    return _u64(len(content)) + content


def _u64(number: int) -> bytes:
    return struct.pack("<Q", number)


def _cbor(value: Any) -> bytes:
    """Return CBOR of what an image says: objects, lists, texts, bytes, whole numbers, null."""
    if value is None:
        return b"\xf6"
    if isinstance(value, int):
        return _cbor_head(0, value)
    if isinstance(value, bytes):
        return _cbor_head(2, len(value)) + value
    if isinstance(value, str):
        return _cbor_head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return _cbor_head(4, len(value)) + b"".join(map(_cbor, value))
    return _cbor_head(5, len(value)) + b"".join(_cbor(key) + _cbor(inner) for key, inner in value.items())


def _cbor_head(kind: int, number: int) -> bytes:
    if number < 24:
        return bytes([kind << 5 | number])
    size = next(power for power in range(4) if number < 1 << (8 << power))
    return bytes([kind << 5 | 24 + size]) + number.to_bytes(1 << size, "big")
