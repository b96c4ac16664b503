"""A workspace on disk: reading, writing and listing files that cannot leave their folder."""

import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from sandbox.errors import WorkspaceFileMissing
from sandbox.types import FileEntry
from sandbox.workspace.base import Entries, Workspace, WorkspaceQuota, is_folder, missing, quota_check
from sandbox.workspace.jail import Jail
from sandbox.workspace.paths import RESERVED_PREFIX, path_checked


class DiskWorkspace(Jail, Workspace):
    """A folder of this machine, or of a file system that all machines share.

    Writes survive the death of the process, not a loss of power: they are not forced to disk.
    """

    def __init__(self, root: Path, quota: WorkspaceQuota) -> None:
        """Take a folder, which need not exist yet, and what it may hold."""
        Jail.__init__(self, root)
        Workspace.__init__(self, quota)

    def list(self, path: str = "") -> Entries:
        """See `Workspace`."""
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
        """See `Workspace`."""
        return sorted(self._files(), key=lambda entry: entry.path)

    def write_pieces(self, path: str, pieces: Iterable[bytes]) -> int:
        """See `Workspace`."""
        relative = path_checked(path)
        self._make()
        temporary, size_bytes = self._stage(pieces)  # not under the lock: a client may send as slowly as it likes
        try:
            with self._locked():
                self._fits_check(self._sizes(), {relative: size_bytes}, ())
                self._place(temporary, relative)
        finally:
            self._unlink(temporary)  # gone already unless something failed
        return size_bytes

    def delete(self, path: str) -> None:
        """See `Workspace`."""
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
        """See `Workspace`."""
        changed = {path_checked(path): data for path, data in files_changed.items()}
        deleted = [path_checked(path) for path in files_deleted]
        with self._locked():
            self._fits_check(self._sizes(), {path: len(data) for path, data in changed.items()}, deleted)
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

    def _sizes(self) -> dict[str, int]:
        return {entry.path: entry.size_bytes for entry in self._files()}

    def _stage(self, pieces: Iterable[bytes]) -> tuple[str, int]:
        """Write a temporary file; returns its path and size. At the top, since its own folder may still be a file."""
        temporary, size_bytes = f"{RESERVED_PREFIX}{secrets.token_hex(8)}", 0
        with self._folder([], shown=temporary) as root_fd:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                with open(os.open(temporary, flags, 0o600, dir_fd=root_fd), "wb") as file:  # noqa: PTH123
                    for piece in pieces:
                        size_bytes += len(piece)
                        quota_check("file_bytes", size_bytes, self._quota.file_bytes)
                        file.write(piece)
            except BaseException:
                os.unlink(temporary, dir_fd=root_fd)
                raise
        return temporary, size_bytes

    def _place(self, temporary: str, path: str) -> None:
        """Move a staged file to its place; a folder that `_fits_check` found without files makes way."""
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
