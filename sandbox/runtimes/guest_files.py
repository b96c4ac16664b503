"""Copies files into a guest's working directory, and what changed out of it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from sandbox.guests.base import ROOT
from sandbox.runtimes.outcomes import FilesExceeded
from sandbox.types import SandboxLimits

FOLDERS_MAX = 256
DEPTH_MAX = 16


class GuestEntry(Protocol):
    """One entry of a guest's folder."""

    @property
    def name(self) -> str:
        """Its last path segment."""

    @property
    def kind(self) -> str:
        """`directory` or `file`."""

    @property
    def size(self) -> int:
        """Its size in bytes."""


class GuestFileSystem(Protocol):
    """What is needed of a guest's file system."""

    async def write(self, path: str, contents: bytes) -> None:
        """Write a file."""

    async def read(self, path: str) -> bytes | None:
        """Read a file; None when it is none: a link, a device."""

    async def mkdir(self, path: str, *, recursive: bool = False) -> None:
        """Make a folder."""

    async def read_dir(self, path: str) -> Sequence[GuestEntry]:
        """List a folder."""


async def files_put(file_system: GuestFileSystem, files: Mapping[str, bytes]) -> None:
    """Write the files below the working directory."""
    folders = {path.rpartition("/")[0] for path in files} - {""}
    for folder in sorted(folders):
        await file_system.mkdir(f"{ROOT}/{folder}", recursive=True)
    for path, contents in files.items():
        await file_system.write(f"{ROOT}/{path}", contents)


async def files_changed(
    file_system: GuestFileSystem,
    before: Mapping[str, bytes],
    limits: SandboxLimits,
    *,
    own: frozenset[str] = frozenset(),
) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Return new and changed files, and the paths that are gone; `own` are files of the guest's start program.

    Raises:
        FilesExceeded: The guest left more than `limits` allow: its own fault.
    """
    paths = await _paths(file_system, limits, own)
    changed = {}
    total_bytes = 0
    for path in paths:
        contents = await file_system.read(f"{ROOT}/{path}")
        if contents is None:
            continue
        total_bytes += len(contents)  # counted again: what is listed need not be what is read
        if total_bytes > limits.file_bytes:
            raise FilesExceeded(f"its files are larger than {limits.file_bytes} bytes together", limit="file_bytes")
        if before.get(path) != contents:
            changed[path] = contents
    return changed, tuple(path for path in before if path not in paths)


async def _paths(file_system: GuestFileSystem, limits: SandboxLimits, own: frozenset[str]) -> set[str]:
    """Walk the working directory; folders and depth are bounded, because a link to a parent folder has no end."""
    paths: set[str] = set()
    total_bytes = 0
    folders = [""]
    for folder in folders:  # grows while it is walked
        for entry in await file_system.read_dir(f"{ROOT}/{folder}".rstrip("/")):
            path = f"{folder}/{entry.name}".lstrip("/")
            if entry.kind == "directory":
                folders.append(path)
            elif path not in own:
                paths.add(path)
                total_bytes += entry.size
            if len(folders) > FOLDERS_MAX or path.count("/") >= DEPTH_MAX:
                raise FilesExceeded(
                    f"it left more than {FOLDERS_MAX} folders, or {DEPTH_MAX} inside each other", limit="file_count"
                )
            if len(paths) > limits.file_count:
                raise FilesExceeded(f"it left more than {limits.file_count} files", limit="file_count")
            if total_bytes > limits.file_bytes:
                raise FilesExceeded(f"its files are larger than {limits.file_bytes} bytes together", limit="file_bytes")
    return paths
