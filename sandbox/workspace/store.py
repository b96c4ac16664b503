"""A workspace on disk: reading, writing and listing files that cannot leave their folder."""

import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import WorkspaceFileMissing, WorkspaceQuotaExceeded
from sandbox.types import FileEntry
from sandbox.workspace.jail import Jail, is_folder, missing
from sandbox.workspace.paths import RESERVED_PREFIX, path_checked, paths_fit

Entries = list[FileEntry]  # the class has a method of the name `list`


@dataclass(frozen=True, slots=True)
class WorkspaceQuota:
    """What one workspace may hold: files, bytes of all of them, bytes of one."""

    file_count: int
    total_bytes: int
    file_bytes: int


class Workspace(Jail):
    """One session's files, safe for several threads and processes: a reader sees a file before or after a write.

    Writes survive the death of the process, not a loss of power: they are not forced to disk.
    """

    def __init__(self, root: Path, quota: WorkspaceQuota) -> None:
        """Take a folder, which need not exist yet, and what it may hold."""
        super().__init__(root)
        self._quota = quota

    def list(self, path: str = "") -> Entries:
        """Return the entries of one folder by name; of the workspace itself when no path is given.

        Raises:
            WorkspacePathInvalid: The path does not stay inside.
            WorkspaceFileMissing: There is no such folder.
        """
        folder = path_checked(path.rstrip("/")) if path.strip("/") not in ("", ".") else ""
        if not folder and not self._root.is_dir():
            return []
        with (
            self._folder(folder.split("/") if folder else [], shown=folder) as folder_fd,
            os.scandir(folder_fd) as found,
        ):
            entries = [
                FileEntry(
                    path=f"{folder}/{entry.name}".lstrip("/"),
                    name=entry.name,
                    is_dir=entry.is_dir(follow_symlinks=False),
                    size_bytes=0 if entry.is_dir(follow_symlinks=False) else entry.stat(follow_symlinks=False).st_size,
                )
                for entry in found
                if not entry.name.startswith(RESERVED_PREFIX) and not entry.is_symlink()
            ]
        return sorted(entries, key=lambda entry: entry.name)

    def files(self) -> Entries:
        """Return every file of the workspace by path."""
        return sorted(self._files(), key=lambda entry: entry.path)

    def total_bytes(self) -> int:
        """Return the size of all files together."""
        return sum(entry.size_bytes for entry in self._files())

    def read(self, path: str) -> bytes:
        """Return a file's contents.

        Raises:
            WorkspacePathInvalid: The path does not stay inside, or is a folder.
            WorkspaceFileMissing: There is no such file.
        """
        with self.open_file(path) as file:
            return file.read()

    def write(self, path: str, data: bytes) -> None:
        """Write a file, new or not; its folders are made.

        Raises:
            WorkspacePathInvalid: The path does not stay inside, or is a folder, or leads through a file.
            WorkspaceQuotaExceeded: The workspace would hold more than it may; nothing is written.
        """
        self.apply(files_changed={path: data}, files_deleted=())

    def write_pieces(self, path: str, pieces: Iterable[bytes]) -> int:
        """Write a file from pieces, holding one of them in memory at a time; returns its size in bytes.

        Raises:
            WorkspacePathInvalid: As for `write`.
            WorkspaceQuotaExceeded: As for `write`; the pieces behind the limit are not asked for.
        """
        relative = path_checked(path)
        self._make()
        temporary, size_bytes = self._stage(pieces)  # not under the lock: a client may send as slowly as it likes
        try:
            with self._locked():
                self._check_fits({relative: size_bytes}, ())
                self._place(temporary, relative)
        finally:
            self._unlink(temporary)  # gone already unless something failed
        return size_bytes

    def delete(self, path: str) -> None:
        """Delete a file, or a folder with all that is in it.

        Raises:
            WorkspacePathInvalid: The path does not stay inside.
            WorkspaceFileMissing: There is no such file.
        """
        relative = path_checked(path)
        *folders, name = relative.split("/")
        with self._locked(), self._folder(folders, shown=relative) as folder_fd:
            try:
                if stat.S_ISDIR(os.stat(name, dir_fd=folder_fd, follow_symlinks=False).st_mode):
                    shutil.rmtree(name, dir_fd=folder_fd)
                else:
                    os.unlink(name, dir_fd=folder_fd)
            except FileNotFoundError as error:
                raise missing(relative) from error

    def apply(self, *, files_changed: Mapping[str, bytes], files_deleted: Sequence[str]) -> None:
        """Write and delete several files, as a run of the sandbox left them; all of them or, on an error, none.

        Args:
            files_changed: Path → new contents.
            files_deleted: Paths that shall be gone; one that is already gone is no error.

        Raises:
            WorkspacePathInvalid: As for `write`.
            WorkspaceQuotaExceeded: As for `write`.
        """
        changed = {path_checked(path): data for path, data in files_changed.items()}
        deleted = [path_checked(path) for path in files_deleted]
        with self._locked():
            self._check_fits({path: len(data) for path, data in changed.items()}, deleted)
            staged: dict[str, str] = {}
            try:
                for path, data in changed.items():
                    staged[path], _ = self._stage([data])
                for path in deleted:  # first: a file that became a folder, or a folder a file, makes way
                    self._unlink(path)
                for path, temporary in staged.items():
                    self._place(temporary, path)
            finally:
                for temporary in staged.values():
                    self._unlink(temporary)  # gone already unless something failed

    def files_snapshot(self, *, file_count: int, file_bytes: int) -> dict[str, bytes]:
        """Return path → contents of every file, to be handed to a run.

        Args:
            file_count: Files at most.
            file_bytes: Bytes of all of them at most.

        Raises:
            WorkspaceQuotaExceeded: There is more than that.
        """
        entries = self.files()
        total_bytes = sum(entry.size_bytes for entry in entries)
        _check("file_count", len(entries), file_count)
        _check("total_bytes", total_bytes, file_bytes)
        snapshot = {}
        for entry in entries:
            with suppress(WorkspaceFileMissing):  # deleted meanwhile
                snapshot[entry.path] = self.read(entry.path)
        return snapshot

    def _files(self) -> Iterator[FileEntry]:
        if not self._root.is_dir():
            return
        for folder, _, names, folder_fd in os.fwalk(self._root, follow_symlinks=False):
            for name in names:
                if name.startswith(RESERVED_PREFIX):
                    continue
                with suppress(FileNotFoundError):  # deleted meanwhile
                    status = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode):
                        path = str((Path(folder) / name).relative_to(self._root))
                        yield FileEntry(path=path, name=name, is_dir=False, size_bytes=status.st_size)

    def _check_fits(self, changed: Mapping[str, int], deleted: Sequence[str]) -> None:
        sizes = {entry.path: entry.size_bytes for entry in self._files()}
        for path in deleted:
            if sizes.pop(path, None) is None and any(other.startswith(f"{path}/") for other in sizes):
                raise is_folder(path)
        paths_fit(changed, sizes)
        sizes |= changed
        for size_bytes in changed.values():
            _check("file_bytes", size_bytes, self._quota.file_bytes)
        _check("file_count", len(sizes), self._quota.file_count)
        _check("total_bytes", sum(sizes.values()), self._quota.total_bytes)

    def _stage(self, pieces: Iterable[bytes]) -> tuple[str, int]:
        """Write a temporary file; returns its path and size. At the top, since its own folder may still be a file."""
        temporary, size_bytes = f"{RESERVED_PREFIX}{secrets.token_hex(8)}", 0
        with self._folder([], shown=temporary) as root_fd:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                with open(os.open(temporary, flags, 0o600, dir_fd=root_fd), "wb") as file:  # noqa: PTH123
                    for piece in pieces:
                        size_bytes += len(piece)
                        _check("file_bytes", size_bytes, self._quota.file_bytes)
                        file.write(piece)
            except BaseException:
                os.unlink(temporary, dir_fd=root_fd)
                raise
        return temporary, size_bytes

    def _place(self, temporary: str, path: str) -> None:
        """Move a staged file to its place; a folder that `_check_fits` found without files makes way."""
        *folders, name = path.split("/")
        with self._folder([], shown=path) as root_fd, self._folder(folders, shown=path, create=True) as folder_fd:
            try:
                os.replace(temporary, name, src_dir_fd=root_fd, dst_dir_fd=folder_fd)
            except IsADirectoryError:
                shutil.rmtree(name, dir_fd=folder_fd)
                os.replace(temporary, name, src_dir_fd=root_fd, dst_dir_fd=folder_fd)

    def _unlink(self, path: str) -> None:
        *folders, name = path.split("/")
        with suppress(FileNotFoundError, WorkspaceFileMissing), self._folder(folders, shown=path) as folder_fd:
            try:
                os.unlink(name, dir_fd=folder_fd)
            except IsADirectoryError as error:
                raise is_folder(path) from error


def _check(limit: str, actual: int, allowed: int) -> None:
    if actual > allowed:
        raise WorkspaceQuotaExceeded(
            f"The session's workspace would exceed its {limit}: {actual} of {allowed}.",
            details={"limit": limit, "actual": actual, "allowed": allowed},
        )
