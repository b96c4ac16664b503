"""A workspace in an object store: Postgres knows which files there are, the store has their bytes.

A file's bytes are an object under a name of its own that is never written again, so what a reader opened does not
change under it, and a change of many files is one transaction. Before an object is made there is a row for it without
a path, and an object that was replaced has one until it is gone: what a process left that died is found by the next
writer.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import IO, BinaryIO, cast
from uuid import UUID

import structlog
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from sandbox.errors import WorkspaceUnavailable
from sandbox.models import StoredFile
from sandbox.types import FileEntry
from sandbox.workspace.base import (
    Entries,
    Workspace,
    WorkspaceQuota,
    is_folder,
    leads_through_file,
    missing,
    quota_check,
)
from sandbox.workspace.paths import folders_of, path_checked
from shannon_project.foundation.database import connection_release
from shannon_project.foundation.errors import ShannonError
from shannon_project.foundation.ids import uuid7
from shannon_project.foundation.locks import advisory_lock_take

log = structlog.get_logger(__name__)
_LOCK_CLASS = 0x5357  # of advisory locks: writers of one workspace take turns
_STALE = timedelta(hours=1)  # no writer takes this long
_SWEPT_AT_ONCE = 100
_OPEN_TRIES = 20  # a file may be replaced between asking for its name and opening it, again and again
_PIECE_BYTES = 1024 * 1024
_Ids = list[UUID]  # the class has a method of the name `list`


class StoredWorkspace(Workspace):
    """Objects of a Django storage. A folder is there as long as it has a file.

    Where the store does not answer, reading and writing raise `WorkspaceUnavailable`, which is retryable.
    """

    def __init__(self, *, tenant_id: UUID, folder: str, quota: WorkspaceQuota, storage: Storage) -> None:
        """Take whose it is, its name among the tenant's workspaces, what it may hold, and where the bytes lie."""
        super().__init__(quota)
        self._tenant_id = tenant_id
        self._folder = folder
        self._storage = storage

    def list(self, path: str = "") -> Entries:
        """See `Workspace`."""
        folder = path_checked(path.rstrip("/")) if path.strip("/") not in ("", ".") else ""
        start = f"{folder}/" if folder else ""
        entries: dict[str, FileEntry] = {}
        for found, size_bytes in self._files().filter(path__startswith=start).values_list("path", "size_bytes"):
            name, slash, _ = str(found)[len(start) :].partition("/")
            entries[name] = FileEntry(start + name, name, bool(slash), 0 if slash else size_bytes)
        if folder and not entries:
            raise leads_through_file(folder) if self._is_file_among([folder, *folders_of(folder)]) else missing(folder)
        return [entries[name] for name in sorted(entries)]

    def files(self) -> Entries:
        """See `Workspace`."""
        return [FileEntry(path, path.rpartition("/")[2], False, size) for path, size in sorted(self._sizes().items())]

    def open_file(self, path: str) -> BinaryIO:
        """See `Workspace`."""
        relative = path_checked(path)
        tries = 0
        while True:
            found = self._files().filter(path=relative).values_list("id", "name").first()
            if found is None:
                raise self._absent(relative)
            connection_release()
            tries += 1
            try:
                return self._copied(found[1])
            except WorkspaceUnavailable:  # of an object that is gone, too: the row says whether it is
                if tries == _OPEN_TRIES or self._files().filter(id=found[0]).exists():
                    raise

    def write_pieces(self, path: str, pieces: Iterable[bytes]) -> int:
        """See `Workspace`."""
        relative, size_bytes = path_checked(path), 0
        with tempfile.TemporaryFile() as spooled:  # a client may send as slowly as it likes
            for piece in pieces:
                size_bytes += len(piece)
                quota_check("file_bytes", size_bytes, self._quota.file_bytes)
                spooled.write(piece)
            spooled.seek(0)
            self._change({relative: size_bytes}, (), lambda _: File(spooled))
        return size_bytes

    def delete(self, path: str) -> None:
        """See `Workspace`."""
        relative = path_checked(path)
        with self._locked() as removed:
            gone = self._files().filter(Q(path=relative) | Q(path__startswith=f"{relative}/"))
            removed.extend(_forgotten(gone))
            if not removed:
                raise self._absent(relative)

    def apply(self, *, files_changed: Mapping[str, bytes], files_deleted: Sequence[str]) -> None:
        """See `Workspace`."""
        changed = {path_checked(path): data for path, data in files_changed.items()}
        deleted = [path_checked(path) for path in files_deleted]
        sizes = {path: len(data) for path, data in changed.items()}
        self._change(sizes, deleted, lambda path: ContentFile(changed[path]))

    def _change(
        self, changed: Mapping[str, int], deleted: Sequence[str], content: Callable[[str], "File[bytes]"]
    ) -> None:
        """Store the objects, then put them in their places in one transaction."""
        self._fits_check(self._sizes(), changed, deleted)  # now, so that what cannot fit is not sent anywhere
        staged = self._staged(changed)
        try:
            connection_release()
            for path, row in staged.items():
                with _store():
                    self._storage.save(row.name, content(path))
            with self._locked() as removed:
                self._fits_check(self._sizes(), changed, deleted)
                removed.extend(_forgotten(self._files().filter(path__in=[*changed, *deleted])))
                for path, row in staged.items():
                    row.path = path
                StoredFile.objects.bulk_update(staged.values(), ["path"])
        except WorkspaceUnavailable:
            raise
        except ShannonError:  # another writer was there first; after other errors a later writer removes them
            with suppress(WorkspaceUnavailable):
                self._remove(StoredFile.objects.filter(id__in=[row.id for row in staged.values()]))
            raise

    def _staged(self, changed: Mapping[str, int]) -> dict[str, StoredFile]:
        """Return a row without a path for each object, under the name that it will have."""
        rows = {
            path: StoredFile(
                tenant_id=self._tenant_id,
                workspace=self._folder,
                name=f"{self._tenant_id}/{self._folder}/{uuid7()}",
                size_bytes=size_bytes,
            )
            for path, size_bytes in changed.items()
        }
        StoredFile.objects.bulk_create(rows.values())
        return rows

    @contextmanager
    def _locked(self) -> Iterator[_Ids]:
        """One writer at a time, in one transaction; objects whose rows are added to the list are removed after it."""
        removed: _Ids = []
        with transaction.atomic():
            advisory_lock_take(_LOCK_CLASS, f"{self._tenant_id}/{self._folder}")
            yield removed
            stale = self._rows().filter(path="", created_at__lt=timezone.now() - _STALE)
            removed.extend(stale.values_list("id", flat=True)[:_SWEPT_AT_ONCE])
            if removed:
                transaction.on_commit(
                    lambda: self._remove(StoredFile.objects.filter(id__in=removed, path="")), robust=True
                )

    def _remove(self, rows: "QuerySet[StoredFile]") -> None:
        """Remove objects, then their rows: a death in between leaves a row, which the next writer finds."""
        for name in list(rows.values_list("name", flat=True)):
            with _store():
                self._storage.delete(name)
        rows.delete()

    def _copied(self, name: str) -> BinaryIO:
        """Return an object's bytes as a file of this machine: it can be read from anywhere in it, and has its size."""
        copy: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        try:
            with _store(), self._storage.open(name, "rb") as stored:
                for piece in stored.chunks(_PIECE_BYTES):
                    copy.write(piece)
            copy.seek(0)
        except BaseException:
            copy.close()
            raise
        return cast("BinaryIO", copy)

    def _rows(self) -> "QuerySet[StoredFile]":
        return StoredFile.objects.filter(tenant_id=self._tenant_id, workspace=self._folder)

    def _files(self) -> "QuerySet[StoredFile]":
        return self._rows().exclude(path="")

    def _sizes(self) -> dict[str, int]:
        return {str(path): size_bytes for path, size_bytes in self._files().values_list("path", "size_bytes")}

    def _is_file_among(self, paths: Sequence[str]) -> bool:
        return self._files().filter(path__in=paths).exists()

    def _absent(self, path: str) -> Exception:
        """Return why there is no such file."""
        if self._files().filter(path__startswith=f"{path}/").exists():
            return is_folder(path)
        return leads_through_file(path) if self._is_file_among(folders_of(path)) else missing(path)


@contextmanager
def _store() -> Iterator[None]:
    """Ask the store: whatever it raises becomes one error that says so, and that may be tried again.

    Raises:
        WorkspaceUnavailable: It did not do it.
    """
    try:
        yield
    except Exception as error:  # every store has errors of its own
        log.warning("workspace_store_failed", kind=type(error).__name__, error=str(error))
        raise WorkspaceUnavailable from error


def _forgotten(files: "QuerySet[StoredFile]") -> _Ids:
    """Take files out of their places; their rows stay until their objects are gone."""
    ids = list(files.values_list("id", flat=True))
    StoredFile.objects.filter(id__in=ids).update(path="")
    return ids
