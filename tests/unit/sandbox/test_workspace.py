"""Workspaces on disk."""

import os
import threading
import time
from pathlib import Path

import pytest

from sandbox.errors import WorkspaceFileMissing, WorkspacePathInvalid, WorkspaceQuotaExceeded
from sandbox.types import FileEntry
from sandbox.workspace import Workspace, WorkspaceQuota

QUOTA = WorkspaceQuota(file_count=10, total_bytes=1000, file_bytes=500)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The workspace's folder, which does not exist yet."""
    return tmp_path / "tenant" / "session"


@pytest.fixture
def workspace(root: Path) -> Workspace:
    """An empty workspace."""
    return Workspace(root, QUOTA)


def test_an_empty_workspace_has_nothing_and_makes_nothing(workspace: Workspace, root: Path) -> None:
    assert (workspace.list(), workspace.files(), workspace.total_bytes()) == ([], [], 0)
    with pytest.raises(WorkspaceFileMissing):
        workspace.read("a")
    assert not root.exists()


def test_what_is_written_is_read_listed_and_counted(workspace: Workspace) -> None:
    workspace.write("b.txt", b"12")
    workspace.write("a/c.txt", b"345")
    workspace.write("b.txt", b"6")
    assert workspace.read("a/c.txt") == b"345"
    assert workspace.read("/workspace/b.txt") == b"6"
    assert workspace.list() == [FileEntry("a", "a", True, 0), FileEntry("b.txt", "b.txt", False, 1)]
    assert workspace.list("a") == workspace.list("/workspace/a/") == [FileEntry("a/c.txt", "c.txt", False, 3)]
    assert [entry.path for entry in workspace.files()] == ["a/c.txt", "b.txt"]
    assert workspace.total_bytes() == 4


def test_files_and_folders_can_be_deleted(workspace: Workspace) -> None:
    workspace.write("a/b/c", b"1")
    workspace.write("d", b"1")
    workspace.delete("a")
    workspace.delete("d")
    assert workspace.list() == []
    with pytest.raises(WorkspaceFileMissing):
        workspace.delete("d")


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "x\0y"])
def test_every_operation_is_jailed(workspace: Workspace, path: str) -> None:
    for operation in (workspace.read, workspace.delete, workspace.list, lambda p: workspace.write(p, b"")):
        with pytest.raises(WorkspacePathInvalid):
            operation(path)


def test_links_lead_nowhere_wherever_they_come_from(workspace: Workspace, root: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("sk_live")
    workspace.write("own", b"1")
    (root / "file").symlink_to(secret / "key")
    (root / "folder").symlink_to(secret)
    assert [entry.path for entry in workspace.list()] == ["own"]
    assert [entry.path for entry in workspace.files()] == ["own"]
    with pytest.raises(WorkspaceFileMissing):
        workspace.read("file")
    for path in ("folder/key", "folder/new"):
        with pytest.raises(WorkspacePathInvalid):
            workspace.read(path)
        with pytest.raises(WorkspacePathInvalid):
            workspace.write(path, b"2")
        with pytest.raises(WorkspacePathInvalid):
            workspace.delete(path)
    workspace.write("file", b"mine")  # replaces the link, not what it points to
    assert workspace.read("file") == b"mine"
    assert (secret / "key").read_text() == "sk_live"
    workspace.delete("folder")
    assert (secret / "key").exists()


def test_a_workspace_whose_own_folder_is_a_link_is_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    root.parent.mkdir()
    root.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WorkspacePathInvalid):
        Workspace(root, QUOTA).write("a", b"")


def test_a_pipe_in_the_folder_is_not_a_file(workspace: Workspace, root: Path) -> None:
    workspace.write("own", b"1")
    os.mkfifo(root / "pipe")
    with pytest.raises(WorkspaceFileMissing):
        workspace.read("pipe")


def test_a_folder_is_not_read_and_costs_no_descriptor(workspace: Workspace) -> None:
    workspace.write("out/x", b"1")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        with pytest.raises(WorkspacePathInvalid, match="is a folder"):
            workspace.read("out")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_folder_is_not_deleted_as_if_it_were_a_file(workspace: Workspace) -> None:
    workspace.write("out/x", b"1")
    with pytest.raises(WorkspacePathInvalid, match="is a folder"):
        workspace.apply(files_changed={}, files_deleted=("out",))
    assert workspace.read("out/x") == b"1"


def test_a_folder_is_not_overwritten_by_a_file_nor_led_through_one(workspace: Workspace) -> None:
    workspace.write("a/b", b"1")
    for path in ("a", "a/b/c"):
        with pytest.raises(WorkspacePathInvalid):
            workspace.write(path, b"2")
    assert workspace.read("a/b") == b"1"


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"big": bytes(501)}, "file_bytes"),
        ({"a": bytes(500), "b": bytes(500), "c": b"1"}, "total_bytes"),
        ({str(n): b"" for n in range(11)}, "file_count"),
    ],
)
def test_a_quota_error_names_the_limit_and_changes_nothing(
    workspace: Workspace, files: dict[str, bytes], limit: str
) -> None:
    workspace.write("before", b"")
    with pytest.raises(WorkspaceQuotaExceeded) as refusal:
        workspace.apply(files_changed=files, files_deleted=["before"])
    assert refusal.value.details["limit"] == limit
    assert [entry.path for entry in workspace.files()] == ["before"]


def test_what_is_deleted_or_replaced_makes_room(workspace: Workspace) -> None:
    workspace.write("a", bytes(500))
    workspace.write("b", bytes(500))
    workspace.apply(files_changed={"b": bytes(400), "c": bytes(500)}, files_deleted=["a"])
    assert workspace.total_bytes() == 900


def test_one_bad_path_among_many_changes_nothing(workspace: Workspace, root: Path) -> None:
    workspace.write("folder/x", b"1")
    for bad in ("../x", "folder"):
        with pytest.raises(WorkspacePathInvalid):
            workspace.apply(files_changed={"good": b"1", bad: b"2"}, files_deleted=())
    assert [entry.path for entry in workspace.files()] == ["folder/x"]
    assert [path.name for path in root.rglob(".shannon-*")] == [".shannon-lock"]


def test_a_file_may_become_a_folder_and_a_folder_a_file(workspace: Workspace) -> None:
    workspace.write("data", b"1")
    workspace.apply(files_changed={"data/x": b"2"}, files_deleted=("data",))
    assert [(entry.path, workspace.read(entry.path)) for entry in workspace.files()] == [("data/x", b"2")]
    workspace.apply(files_changed={"data": b"3"}, files_deleted=("data/x",))
    assert [(entry.path, workspace.read(entry.path)) for entry in workspace.files()] == [("data", b"3")]


def test_files_that_cannot_be_side_by_side_change_nothing(workspace: Workspace) -> None:
    workspace.write("kept", b"1")
    with pytest.raises(WorkspacePathInvalid, match="is a folder"):
        workspace.apply(files_changed={"a": b"1", "a/b": b"2"}, files_deleted=("kept",))
    assert [entry.path for entry in workspace.files()] == ["kept"]


def test_what_a_dead_writer_left_is_swept_after_an_hour(workspace: Workspace, root: Path) -> None:
    workspace.write("a", b"1")
    for name, age_seconds in (("old", 4000), ("new", 60)):
        left = root / f".shannon-{name}"
        left.write_bytes(b"half")
        at = time.time() - age_seconds
        os.utime(left, (at, at))
    os.utime(root / ".shannon-lock", (0, 0))
    workspace.write("b", b"1")
    assert sorted(path.name for path in root.iterdir()) == [".shannon-lock", ".shannon-new", "a", "b"]


def test_a_snapshot_has_every_file_or_says_what_is_too_much(workspace: Workspace) -> None:
    files = {"a": b"1", "b/c": b"23"}
    workspace.apply(files_changed=files, files_deleted=())
    assert workspace.files_snapshot(file_count=2, file_bytes=3) == files
    for count, size in ((1, 3), (2, 2)):
        with pytest.raises(WorkspaceQuotaExceeded):
            workspace.files_snapshot(file_count=count, file_bytes=size)


def test_writers_at_once_keep_the_quota_and_readers_see_whole_files(root: Path) -> None:
    quota = WorkspaceQuota(file_count=5, total_bytes=10**9, file_bytes=10**9)
    whole = [bytes([n]) * 200_000 for n in range(8)]
    Workspace(root, quota).write("shared", whole[0])
    torn, refused = [], []

    def write(number: int) -> None:
        for _ in range(10):
            Workspace(root, quota).write("shared", whole[number])
            if Workspace(root, quota).read("shared") not in whole:
                torn.append(number)
        try:
            Workspace(root, quota).write(f"own-{number}", b"")
        except WorkspaceQuotaExceeded:
            refused.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torn == []
    assert len(Workspace(root, quota).files()) == 5
    assert len(refused) == 4
