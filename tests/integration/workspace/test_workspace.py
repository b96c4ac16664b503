"""What every workspace keeps, on disk and in an object store alike."""

import os
import threading
from collections.abc import Iterator

import pytest
from django.db import connections

from sandbox.errors import WorkspaceFileMissing, WorkspacePathInvalid, WorkspaceQuotaExceeded
from sandbox.types import FileEntry
from sandbox.workspace import Workspace, WorkspaceQuota, text_diff, text_edit, text_search
from tests.integration.workspace.stores import QUOTA, Make

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace(make: Make) -> Workspace:
    """An empty workspace."""
    return make(QUOTA)


def test_an_empty_workspace_has_nothing(workspace: Workspace) -> None:
    assert (workspace.list(), workspace.files(), workspace.total_bytes()) == ([], [], 0)
    for path in ("a", "a/b"):
        with pytest.raises(WorkspaceFileMissing):
            workspace.read(path)
        with pytest.raises(WorkspaceFileMissing):
            workspace.list(path)
        with pytest.raises(WorkspaceFileMissing):
            workspace.delete(path)


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


def test_one_bad_path_among_many_changes_nothing(workspace: Workspace) -> None:
    workspace.write("folder/x", b"1")
    for bad in ("../x", "folder"):
        with pytest.raises(WorkspacePathInvalid):
            workspace.apply(files_changed={"good": b"1", bad: b"2"}, files_deleted=())
    assert [entry.path for entry in workspace.files()] == ["folder/x"]


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


def test_a_snapshot_has_every_file_or_says_what_is_too_much(workspace: Workspace) -> None:
    files = {"a": b"1", "b/c": b"23"}
    workspace.apply(files_changed=files, files_deleted=())
    assert workspace.files_snapshot(file_count=2, file_bytes=3) == files
    for count, size in ((1, 3), (2, 2)):
        with pytest.raises(WorkspaceQuotaExceeded):
            workspace.files_snapshot(file_count=count, file_bytes=size)


def test_a_folder_is_not_read_nor_a_file_listed(workspace: Workspace) -> None:
    workspace.write("out/x", b"1")
    with pytest.raises(WorkspacePathInvalid, match="is a folder"):
        workspace.read("out")
    for path in ("out/x", "out/x/y"):
        with pytest.raises(WorkspacePathInvalid, match="leads through a file"):
            workspace.list(path)
    for operation in (workspace.read, workspace.delete):
        with pytest.raises(WorkspacePathInvalid, match="leads through a file"):
            operation("out/x/y")


def test_names_are_apart_by_case_and_one_by_unicode_spelling(workspace: Workspace) -> None:
    workspace.apply(files_changed={"A.txt": b"1", "a.txt": b"2", "e\u0301": b"3"}, files_deleted=())
    assert [(entry.path, workspace.read(entry.path)) for entry in workspace.files()] == [
        ("A.txt", b"1"),
        ("a.txt", b"2"),
        ("\u00e9", b"3"),
    ]
    workspace.write("\u00e9", b"4")
    assert workspace.read("e\u0301") == b"4"
    assert len(workspace.files()) == 3


def test_signs_of_patterns_in_a_name_are_only_signs(workspace: Workspace) -> None:
    files = {"a_b/x": b"1", "aXb/x": b"2", "a%/x": b"3", "[a]*?": b"4"}
    workspace.apply(files_changed=files, files_deleted=())
    assert [entry.path for entry in workspace.list("a_b")] == ["a_b/x"]
    workspace.delete("a_b")
    assert [entry.path for entry in workspace.files()] == ["[a]*?", "a%/x", "aXb/x"]


def test_a_file_is_written_in_pieces_up_to_its_limit(workspace: Workspace) -> None:
    assert workspace.write_pieces("a/b", [b"12", b"", b"345"]) == 5
    assert workspace.read("a/b") == b"12345"
    asked = []

    def endless() -> Iterator[bytes]:
        while True:
            asked.append(1)
            yield bytes(100)

    with pytest.raises(WorkspaceQuotaExceeded):
        workspace.write_pieces("a/b", endless())
    assert len(asked) == 6
    assert workspace.read("a/b") == b"12345"
    assert [entry.path for entry in workspace.files()] == ["a/b"]


def test_a_client_that_breaks_off_leaves_nothing(workspace: Workspace) -> None:
    def broken() -> Iterator[bytes]:
        yield b"1"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        workspace.write_pieces("a", broken())
    assert workspace.files() == []


def test_what_is_opened_can_be_read_by_ranges_and_does_not_change(workspace: Workspace) -> None:
    workspace.write("a", b"0123456789")
    with workspace.open_file("a") as file:
        workspace.write("a", b"other")
        file.seek(4)
        assert file.read(3) == b"456"
        assert os.fstat(file.fileno()).st_size == 10
    with workspace.open_file("a") as file:
        workspace.delete("a")
        assert file.read() == b"other"


def test_texts_are_searched_edited_and_compared(workspace: Workspace) -> None:
    workspace.apply(files_changed={"a.txt": b"one\ntwo\n", "b.bin": b"\xff two"}, files_deleted=())
    assert [(match.path, match.line) for match in text_search(workspace, "TWO").matches] == [("a.txt", 2)]
    assert "-two\n+2\n" in text_edit(workspace, "a.txt", old="two", new="2")
    workspace.write("c.txt", b"one\n2\n")
    assert text_diff(workspace, "a.txt", "c.txt") == ""


def test_workspaces_of_two_sessions_are_apart(make: Make) -> None:
    make(QUOTA, folder="one").write("a", b"1")
    assert make(QUOTA, folder="two").files() == []
    assert make(QUOTA, folder="one").read("a") == b"1"


@pytest.mark.django_db(transaction=True)
def test_writers_at_once_keep_the_quota_and_readers_see_whole_files(make: Make) -> None:
    quota = WorkspaceQuota(file_count=5, total_bytes=10**9, file_bytes=10**9)
    whole = [bytes([n]) * 200_000 for n in range(6)]
    make(quota).write("shared", whole[0])
    torn, refused = [], []

    def write(number: int) -> None:
        for _ in range(5):
            make(quota).write("shared", whole[number])
            if make(quota).read("shared") not in whole:
                torn.append(number)
        try:
            make(quota).write(f"own-{number}", b"")
        except WorkspaceQuotaExceeded:
            refused.append(number)
        connections.close_all()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torn == []
    assert len(make(quota).files()) == 5
    assert len(refused) == 2
