"""What is special about workspaces in an object store."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from botocore.config import Config
from django.core.checks import run_checks
from django.utils import timezone
from pytest_django.fixtures import Settings
from storages.backends.s3 import S3Storage

from sandbox import services
from sandbox.errors import WorkspaceQuotaExceeded, WorkspaceUnavailable
from sandbox.models import StoredFile
from sandbox.workspace import StoredWorkspace
from tests.integration.workspace.stores import QUOTA

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def workspace(storage: S3Storage) -> StoredWorkspace:
    """An empty workspace."""
    return StoredWorkspace(tenant_id=uuid4(), folder="session", quota=QUOTA, storage=storage)


@pytest.fixture
def in_settings(settings: Settings, object_store: dict[str, Any]) -> None:
    """The settings name the store."""
    settings.SHANNON_WORKSPACE_STORAGE = "storages.backends.s3.S3Storage"
    settings.SHANNON_WORKSPACE_STORAGE_OPTIONS = object_store


def objects(storage: S3Storage, tenant: str = "") -> set[str]:
    """Return the names of all objects of a tenant."""
    return {found.key for found in storage.bucket.objects.filter(Prefix=tenant)}


def test_what_is_replaced_or_deleted_leaves_the_store_too(workspace: StoredWorkspace, storage: S3Storage) -> None:
    workspace.apply(files_changed={"a": b"1", "b/c": b"2"}, files_deleted=())
    workspace.write("a", b"3")
    workspace.delete("b")
    (row,) = StoredFile.objects.all()
    assert objects(storage, str(row.tenant_id)) == {row.name}
    assert storage.open(row.name).read() == b"3"


def test_what_cannot_fit_is_not_sent_to_the_store(workspace: StoredWorkspace, storage: S3Storage) -> None:
    before = objects(storage)
    with pytest.raises(WorkspaceQuotaExceeded):
        workspace.apply(files_changed={"a": b"1", "big": bytes(501)}, files_deleted=())
    assert objects(storage) == before
    assert StoredFile.objects.count() == 0


def test_what_a_dead_writer_left_is_removed_by_the_next_one_after_an_hour(
    workspace: StoredWorkspace, storage: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = S3Storage.save

    def save_and_die(self: S3Storage, name: str, content: Any) -> str:
        save(self, name, content)
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(S3Storage, "save", save_and_die)
        with pytest.raises(KeyboardInterrupt):
            workspace.write("a", b"half")
    assert workspace.files() == []
    left = StoredFile.objects.get()
    workspace.write("b", b"1")
    assert storage.exists(left.name)  # it may still be on its way
    StoredFile.objects.filter(id=left.id).update(created_at=timezone.now() - timedelta(hours=2))
    workspace.write("b", b"2")
    assert not storage.exists(left.name)
    assert [row.path for row in StoredFile.objects.all()] == ["b"]


def test_a_reader_that_finds_its_object_gone_reads_the_new_one(
    workspace: StoredWorkspace, storage: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.write("a", b"old")
    opened = S3Storage.open
    replaced: Iterator[bool] = iter([True])

    def open_late(self: S3Storage, name: str, mode: str = "rb") -> Any:
        if next(replaced, False):
            workspace.write("a", b"new")
        return opened(self, name, mode)

    monkeypatch.setattr(S3Storage, "open", open_late)
    assert workspace.read("a") == b"new"


def test_an_object_that_somebody_removed_is_an_error_and_not_an_empty_file(
    workspace: StoredWorkspace, storage: S3Storage
) -> None:
    workspace.write("a", b"1")
    storage.delete(StoredFile.objects.get().name)
    with pytest.raises(WorkspaceUnavailable):
        workspace.read("a")


def test_a_store_that_does_not_answer_is_worth_trying_again(
    workspace: StoredWorkspace, storage: S3Storage, object_store: dict[str, Any]
) -> None:
    workspace.write("a", b"1")
    quick = Config(connect_timeout=0.5, retries={"max_attempts": 0})
    away = S3Storage(**{**object_store, "endpoint_url": "http://127.0.0.1:1", "client_config": quick})
    unreachable = StoredWorkspace(tenant_id=workspace._tenant_id, folder="session", quota=QUOTA, storage=away)
    refusals = []
    for operation in (lambda: unreachable.read("a"), lambda: unreachable.write("b", b"2")):
        with pytest.raises(WorkspaceUnavailable) as refusal:
            operation()
        refusals.append(refusal.value)
    assert all(error.retryable and error.http_status == 503 for error in refusals)
    assert [entry.path for entry in workspace.files()] == ["a"]
    assert workspace.read("a") == b"1"
    unreachable.delete("a")  # it is gone at once; its object follows when the store is back
    assert workspace.files() == []
    StoredFile.objects.update(created_at=timezone.now() - timedelta(hours=2))
    workspace.write("c", b"3")
    assert [row.path for row in StoredFile.objects.all()] == ["c"]


@pytest.mark.usefixtures("in_settings")
def test_sessions_and_memories_lie_where_the_settings_say(storage: S3Storage) -> None:
    tenant_id, session_id = uuid4(), uuid4()
    services.workspace_open(tenant_id=tenant_id, session_id=session_id).write("a", b"1")
    services.memory_files_open(tenant_id=tenant_id, user_id="é/..").write("b", b"2")
    assert len(objects(storage, str(tenant_id))) == 2
    assert services.workspace_open(tenant_id=uuid4(), session_id=session_id).files() == []
    assert services.workspace_open(tenant_id=tenant_id, session_id=session_id).read("a") == b"1"
    assert services.memory_files_open(tenant_id=tenant_id, user_id="é/..").read("b") == b"2"


@pytest.mark.usefixtures("in_settings")
def test_a_store_in_the_settings_passes_the_checks() -> None:
    assert run_checks(tags=["sandbox"]) == []


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("storages.backends.nothing.Storage", {}),
        ("sandbox.types.Outcome", {}),
        ("storages.backends.s3.S3Storage", {"colour": "red"}),
    ],
)
def test_a_store_that_cannot_be_made_is_found_by_the_checks(
    settings: Settings, path: str, options: dict[str, str]
) -> None:
    settings.SHANNON_WORKSPACE_STORAGE = path
    settings.SHANNON_WORKSPACE_STORAGE_OPTIONS = options
    assert [message.id for message in run_checks(tags=["sandbox"])] == ["sandbox.E007"]
