"""A workspace on disk: reading, writing and listing files that cannot leave their folder.

Every path is opened segment by segment with `O_NOFOLLOW`, relative to the folder opened before: a link, wherever it
comes from, leads nowhere, and there is no moment between a check and its use.
"""

import fcntl
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import WorkspaceFileMissing, WorkspacePathInvalid, WorkspaceQuotaExceeded
from sandbox.types import FileEntry
from sandbox.workspace.paths import RESERVED_PREFIX, path_checked, paths_fit

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
Entries = list[FileEntry]  # the class has a method of the name `list`
_LOCK_NAME = f"{RESERVED_PREFIX}lock"
_STALE_SECONDS = 3600.0  # no writer takes this long


@dataclass(frozen=True, slots=True)
class WorkspaceQuota:
    """What one workspace may hold: files, bytes of all of them, bytes of one."""

    file_count: int
    total_bytes: int
    file_bytes: int


class Workspace:
    """One session's files, safe for several threads and processes: a reader sees a file before or after a write.

    Writes survive the death of the process, not a loss of power: they are not forced to disk.
    """

    def __init__(self, root: Path, quota: WorkspaceQuota) -> None:
        """Take a folder, which need not exist yet, and what it may hold."""
        self._root = root
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
        relative = path_checked(path)
        *folders, name = relative.split("/")
        with self._folder(folders, shown=relative) as folder_fd:
            try:
                file_fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder_fd)
            except OSError as error:  # missing, or a link
                raise _missing(relative) from error
        try:
            mode = os.fstat(file_fd).st_mode
            if stat.S_ISDIR(mode):
                raise _is_folder(relative)
            if not stat.S_ISREG(mode):
                raise _missing(relative)
            with open(file_fd, "rb", closefd=False) as file:
                return file.read()
        finally:
            os.close(file_fd)  # `open` refuses a folder before the descriptor is its own

    def write(self, path: str, data: bytes) -> None:
        """Write a file, new or not; its folders are made.

        Raises:
            WorkspacePathInvalid: The path does not stay inside, or is a folder, or leads through a file.
            WorkspaceQuotaExceeded: The workspace would hold more than it may; nothing is written.
        """
        self.apply(files_changed={path: data}, files_deleted=())

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
                raise _missing(relative) from error

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
            self._check_fits(changed, deleted)
            staged: dict[str, str] = {}
            try:
                for path, data in changed.items():
                    staged[path] = self._stage(data)
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

    def _check_fits(self, changed: Mapping[str, bytes], deleted: Sequence[str]) -> None:
        sizes = {entry.path: entry.size_bytes for entry in self._files()}
        for path in deleted:
            if sizes.pop(path, None) is None and any(other.startswith(f"{path}/") for other in sizes):
                raise _is_folder(path)
        paths_fit(changed, sizes)
        sizes |= {path: len(data) for path, data in changed.items()}
        for data in changed.values():
            _check("file_bytes", len(data), self._quota.file_bytes)
        _check("file_count", len(sizes), self._quota.file_count)
        _check("total_bytes", sum(sizes.values()), self._quota.total_bytes)

    def _stage(self, data: bytes) -> str:
        """Write a temporary file and return its path: at the top, since its own folder may still be a file."""
        temporary = f"{RESERVED_PREFIX}{secrets.token_hex(8)}"
        with self._folder([], shown=temporary) as root_fd:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(temporary, flags, 0o600, dir_fd=root_fd), "wb") as file:  # noqa: PTH123
                file.write(data)
        return temporary

    def _place(self, temporary: str, path: str) -> None:
        """Move a staged file to its place; a folder that `_check_fits` found without files makes way."""
        *folders, name = path.split("/")
        with self._folder([], shown=path) as root_fd, self._folder(folders, shown=path, create=True) as folder_fd:
            try:
                os.replace(temporary, name, src_dir_fd=root_fd, dst_dir_fd=folder_fd)
            except IsADirectoryError:
                shutil.rmtree(name, dir_fd=folder_fd)
                os.replace(temporary, name, src_dir_fd=root_fd, dst_dir_fd=folder_fd)

    def _sweep(self, root_fd: int) -> None:
        """Remove what a writer left that died between staging and placing. Called under the lock."""
        stale_before = time.time() - _STALE_SECONDS
        with os.scandir(root_fd) as found:
            names = [entry.name for entry in found if entry.name.startswith(RESERVED_PREFIX)]
        for name in names:
            status = os.stat(name, dir_fd=root_fd, follow_symlinks=False)
            if name != _LOCK_NAME and stat.S_ISREG(status.st_mode) and status.st_mtime < stale_before:
                os.unlink(name, dir_fd=root_fd)

    def _unlink(self, path: str) -> None:
        *folders, name = path.split("/")
        with suppress(FileNotFoundError, WorkspaceFileMissing), self._folder(folders, shown=path) as folder_fd:
            try:
                os.unlink(name, dir_fd=folder_fd)
            except IsADirectoryError as error:
                raise _is_folder(path) from error

    @contextmanager
    def _folder(self, folders: Sequence[str], *, shown: str, create: bool = False) -> Iterator[int]:
        """Open a folder of the workspace, following no link on the way."""
        folder_fd = self._root_fd(shown)
        try:
            for segment in folders:
                if create:
                    with suppress(FileExistsError):
                        os.mkdir(segment, 0o700, dir_fd=folder_fd)
                parent_fd = folder_fd
                folder_fd = os.open(segment, _FOLDER_FLAGS, dir_fd=parent_fd)
                os.close(parent_fd)
            yield folder_fd
        except NotADirectoryError as error:  # a file, or a link
            raise WorkspacePathInvalid(f"The path {shown!r} leads through a file.", details={"path": shown}) from error
        except FileNotFoundError as error:
            raise _missing(shown) from error
        finally:
            os.close(folder_fd)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time, over threads and processes; the kernel frees the lock of one that dies."""
        with suppress(FileExistsError):  # a link, say, which opening it refuses
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as opened:
            root_fd = self._root_fd("")
            opened.callback(os.close, root_fd)
            lock_fd = os.open(_LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=root_fd)
            opened.callback(os.close, lock_fd)
            fcntl.flock(lock_fd, fcntl.LOCK_EX)
            self._sweep(root_fd)
            yield

    def _root_fd(self, shown: str) -> int:
        try:
            return os.open(self._root, _FOLDER_FLAGS)
        except FileNotFoundError as error:
            raise _missing(shown) from error
        except NotADirectoryError as error:
            raise WorkspacePathInvalid("The workspace is not a folder of its own.") from error


def _missing(path: str) -> WorkspaceFileMissing:
    return WorkspaceFileMissing(f"The workspace has no file {path!r}.", details={"path": path})


def _is_folder(path: str) -> WorkspacePathInvalid:
    return WorkspacePathInvalid(f"The path {path!r} is a folder, not a file.", details={"path": path})


def _check(limit: str, actual: int, allowed: int) -> None:
    if actual > allowed:
        raise WorkspaceQuotaExceeded(
            f"The session's workspace would exceed its {limit}: {actual} of {allowed}.",
            details={"limit": limit, "actual": actual, "allowed": allowed},
        )
