"""What every workspace offers, wherever its files lie."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from sandbox.errors import WorkspaceFileMissing, WorkspacePathInvalid, WorkspaceQuotaExceeded
from sandbox.types import FileEntry
from sandbox.workspace.paths import paths_fit

Entries = list[FileEntry]  # the class has a method of the name `list`


@dataclass(frozen=True, slots=True)
class WorkspaceQuota:
    """What one workspace may hold: files, bytes of all of them, bytes of one."""

    file_count: int
    total_bytes: int
    file_bytes: int


class Workspace(ABC):
    """One session's files, safe for several threads and processes: a reader sees a file before or after a write.

    Paths are relative and take one spelling (`paths.path_checked`); none leads out. Every variant is held to the same
    tests (`tests/integration/workspace/test_workspace.py`).
    """

    def __init__(self, quota: WorkspaceQuota) -> None:
        """Take what it may hold."""
        self._quota = quota

    @abstractmethod
    def list(self, path: str = "") -> Entries:
        """Return the entries of one folder by name; of the workspace itself when no path is given.

        Raises:
            WorkspacePathInvalid: The path does not stay inside, or is a file.
            WorkspaceFileMissing: There is no such folder.
        """

    @abstractmethod
    def files(self) -> Entries:
        """Return every file of the workspace by path."""

    @abstractmethod
    def open_file(self, path: str) -> BinaryIO:
        """Open a file for reading, as it is now whatever is written later; the caller closes it.

        Raises:
            WorkspacePathInvalid: The path does not stay inside, is a folder, or leads through a file.
            WorkspaceFileMissing: There is no such file.
        """

    @abstractmethod
    def write_pieces(self, path: str, pieces: Iterable[bytes]) -> int:
        """Write a file from pieces, holding one of them in memory at a time; returns its size in bytes.

        Raises:
            WorkspacePathInvalid: As for `write`.
            WorkspaceQuotaExceeded: As for `write`; the pieces behind the limit are not asked for.
        """

    @abstractmethod
    def delete(self, path: str) -> None:
        """Delete a file, or a folder with all that is in it.

        Raises:
            WorkspacePathInvalid: The path does not stay inside, or leads through a file.
            WorkspaceFileMissing: There is no such file.
        """

    @abstractmethod
    def apply(self, *, files_changed: Mapping[str, bytes], files_deleted: Sequence[str]) -> None:
        """Write and delete several files, as a run of the sandbox left them; all of them or, on an error, none.

        Args:
            files_changed: Path → new contents.
            files_deleted: Paths that shall be gone; one that is already gone is no error.

        Raises:
            WorkspacePathInvalid: As for `write`.
            WorkspaceQuotaExceeded: As for `write`.
        """

    def total_bytes(self) -> int:
        """Return the size of all files together."""
        return sum(entry.size_bytes for entry in self.files())

    def read(self, path: str) -> bytes:
        """Return a file's contents; errors as for `open_file`."""
        with self.open_file(path) as file:
            return file.read()

    def write(self, path: str, data: bytes) -> None:
        """Write a file, new or not; its folders are made.

        Raises:
            WorkspacePathInvalid: The path does not stay inside, or is a folder, or leads through a file.
            WorkspaceQuotaExceeded: The workspace would hold more than it may; nothing is written.
        """
        self.apply(files_changed={path: data}, files_deleted=())

    def files_snapshot(self, *, file_count: int, file_bytes: int) -> dict[str, bytes]:
        """Return path → contents of every file, to be handed to a run.

        Args:
            file_count: Files at most.
            file_bytes: Bytes of all of them at most.

        Raises:
            WorkspaceQuotaExceeded: There is more than that.
        """
        entries = self.files()
        quota_check("file_count", len(entries), file_count)
        quota_check("total_bytes", sum(entry.size_bytes for entry in entries), file_bytes)
        snapshot = {}
        for entry in entries:
            with suppress(WorkspaceFileMissing):  # deleted meanwhile
                snapshot[entry.path] = self.read(entry.path)
        return snapshot

    def _fits_check(self, sizes: dict[str, int], changed: Mapping[str, int], deleted: Sequence[str]) -> None:
        """Check that a change keeps the quota, and that its files can be side by side with those that stay.

        Args:
            sizes: Path → bytes of every file that is there now.
            changed: The same of those that will be written.
            deleted: Paths that will be gone.

        Raises:
            WorkspacePathInvalid, WorkspaceQuotaExceeded: As for `apply`.
        """
        kept = dict(sizes)
        for path in deleted:
            if kept.pop(path, None) is None and any(other.startswith(f"{path}/") for other in kept):
                raise is_folder(path)
        paths_fit(changed, kept)
        kept |= changed
        for size_bytes in changed.values():
            quota_check("file_bytes", size_bytes, self._quota.file_bytes)
        quota_check("file_count", len(kept), self._quota.file_count)
        quota_check("total_bytes", sum(kept.values()), self._quota.total_bytes)


def quota_check(limit: str, actual: int, allowed: int) -> None:
    """Refuse what is more than allowed, naming the limit.

    Raises:
        WorkspaceQuotaExceeded: It is more.
    """
    if actual > allowed:
        raise WorkspaceQuotaExceeded(
            f"The session's workspace would exceed its {limit}: {actual} of {allowed}.",
            details={"limit": limit, "actual": actual, "allowed": allowed},
        )


def missing(path: str) -> WorkspaceFileMissing:
    """Return the error for a file that is not there."""
    return WorkspaceFileMissing(f"The workspace has no file {path!r}.", details={"path": path})


def is_folder(path: str) -> WorkspacePathInvalid:
    """Return the error for a folder where a file is asked for."""
    return WorkspacePathInvalid(f"The path {path!r} is a folder, not a file.", details={"path": path})


def leads_through_file(path: str) -> WorkspacePathInvalid:
    """Return the error for a path of which a folder is a file."""
    return WorkspacePathInvalid(f"The path {path!r} leads through a file.", details={"path": path})
