"""What is special about workspaces on disk; what all have in common is tested in `tests/integration/workspace/`."""

import os
import time
from contextlib import suppress
from pathlib import Path

import pytest

from sandbox.errors import WorkspaceFileMissing, WorkspacePathInvalid
from sandbox.workspace import DiskWorkspace, Workspace, WorkspaceQuota

QUOTA = WorkspaceQuota(file_count=10, total_bytes=1000, file_bytes=500)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The workspace's folder, which does not exist yet."""
    return tmp_path / "tenant" / "session"


@pytest.fixture
def workspace(root: Path) -> Workspace:
    """An empty workspace."""
    return DiskWorkspace(root, QUOTA)


def test_an_empty_workspace_has_nothing_and_makes_nothing(workspace: Workspace, root: Path) -> None:
    assert (workspace.list(), workspace.files(), workspace.total_bytes()) == ([], [], 0)
    with pytest.raises(WorkspaceFileMissing):
        workspace.read("a")
    assert not root.exists()


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
        DiskWorkspace(root, QUOTA).write("a", b"")


def test_a_pipe_in_the_folder_is_not_a_file(workspace: Workspace, root: Path) -> None:
    workspace.write("own", b"1")
    os.mkfifo(root / "pipe")
    with pytest.raises(WorkspaceFileMissing):
        workspace.read("pipe")


def test_a_folder_is_not_read_and_costs_no_descriptor(workspace: Workspace, root: Path) -> None:
    workspace.write("out/x", b"1")
    for _ in range(20):
        with pytest.raises(WorkspacePathInvalid, match="is a folder"):
            workspace.read("out")
    assert not [path for path in opened_here() if path.is_relative_to(root)]


def opened_here() -> list[Path]:
    """Return what this process has open; other threads open and close theirs meanwhile."""
    opened = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            opened.append(link.readlink())
    return opened


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
