"""The guest `module`: a WASI command that a tenant uploaded, kept by its hash among what the machine has compiled."""

import hashlib
import tempfile
from pathlib import Path

from sandbox.guests.base import ROOT, GuestAltered, GuestMissing, WasiGuest


def module_path(cache_dir: Path, sha256: str) -> Path:
    """Return where a machine keeps a module."""
    return cache_dir / "modules" / f"{sha256}.wasm"


def module_save(cache_dir: Path, sha256: str, content: bytes) -> None:
    """Keep a module for the hosts of this machine; a file of that name is replaced as a whole."""
    path = module_path(cache_dir, sha256)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    Path(file.name).replace(path)


def guest(cache_dir: Path, sha256: str, arguments: tuple[str, ...]) -> WasiGuest:
    """Return the guest of an uploaded module.

    WASI knows no current folder: some programs take it from `PWD`, all others begin in `/`.
    """
    return WasiGuest(
        key=sha256,
        module=lambda: module_bytes(cache_dir, sha256),
        arguments=arguments,
        environment={"PWD": ROOT},
        waits=False,
    )


def module_bytes(cache_dir: Path, sha256: str) -> bytes:
    """Return a kept module.

    Raises:
        GuestMissing: It is not kept here; the worker should have seen to that.
        GuestAltered: It is not what its name says: somebody wrote into the cache.
    """
    path = module_path(cache_dir, sha256)
    if not path.is_file():
        raise GuestMissing(f"the module {sha256} is not on this machine")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise GuestAltered(f"the kept module {sha256} is not what its name says")
    return content
