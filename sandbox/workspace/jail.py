"""A folder that its files cannot leave.

Every path is opened segment by segment with `O_NOFOLLOW`, relative to the folder opened before: a link, wherever it
comes from, leads nowhere, and there is no moment between a check and its use.
"""

import fcntl
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from sandbox.errors import WorkspacePathInvalid
from sandbox.workspace.base import is_folder, leads_through_file, missing
from sandbox.workspace.paths import RESERVED_PREFIX, path_checked

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LOCK_NAME = f"{RESERVED_PREFIX}lock"
_STALE_SECONDS = 3600.0  # no writer takes this long


class Jail:
    """Opens what lies in one folder, and nothing else."""

    def __init__(self, root: Path) -> None:
        """Take a folder, which need not exist yet."""
        self._root = root

    def open_file(self, path: str) -> BinaryIO:
        """Open a file for reading; the caller closes it.

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
                raise missing(relative) from error
        mode = os.fstat(file_fd).st_mode
        if not stat.S_ISREG(mode):
            os.close(file_fd)
            raise is_folder(relative) if stat.S_ISDIR(mode) else missing(relative)
        return open(file_fd, "rb")  # noqa: PTH123 - a descriptor, which the caller closes

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
            raise leads_through_file(shown) from error
        except FileNotFoundError as error:
            raise missing(shown) from error
        finally:
            os.close(folder_fd)

    def _make(self) -> None:
        with suppress(FileExistsError):  # a link, say, which opening it refuses
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time, over threads and processes; the kernel frees the lock of one that dies."""
        self._make()
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
            raise missing(shown) from error
        except NotADirectoryError as error:
            raise WorkspacePathInvalid("The workspace is not a folder of its own.") from error

    def _sweep(self, root_fd: int) -> None:
        """Remove what a writer left that died between staging and placing. Called under the lock."""
        stale_before = time.time() - _STALE_SECONDS
        with os.scandir(root_fd) as found:
            names = [entry.name for entry in found if entry.name.startswith(RESERVED_PREFIX)]
        for name in names:
            status = os.stat(name, dir_fd=root_fd, follow_symlinks=False)
            if name != _LOCK_NAME and stat.S_ISREG(status.st_mode) and status.st_mtime < stale_before:
                os.unlink(name, dir_fd=root_fd)
