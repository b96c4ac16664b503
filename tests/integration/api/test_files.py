"""Files of a session's workspace."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import Client
from pytest_django import Settings

from tests.integration.api.callers import Caller, error_of

pytestmark = pytest.mark.django_db
URL = "/api/v1/sessions/chat/files"
BYTES = "application/octet-stream"


@pytest.fixture(autouse=True, params=["disk", "object store"])
def _workspaces(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> None:
    """Every test of files over HTTP, wherever the files lie."""
    settings.SHANNON_WORKSPACE_DIR = tmp_path
    if request.param == "object store":
        settings.SHANNON_WORKSPACE_STORAGE = "storages.backends.s3.S3Storage"
        settings.SHANNON_WORKSPACE_STORAGE_OPTIONS = request.getfixturevalue("object_store")


def put(caller: Caller, path: str, data: bytes, url: str = URL) -> Any:
    """Write a file."""
    return caller.client.put(f"{url}/{path}", data=data, content_type=BYTES)


def test_a_file_put_into_a_new_session_is_listed_and_read(caller: Caller) -> None:
    response = put(caller, "data/prices.csv", b"a,b\n1,2\n")
    assert response.status_code == 200, response.content
    assert (response.json()["path"], response.json()["size_bytes"]) == ("data/prices.csv", 8)
    listed = caller.client.get(URL, {"path": "data"}).json()
    assert listed["success"] is True
    assert listed["files"] == [{"name": "prices.csv", "path": "data/prices.csv", "is_dir": False, "size_bytes": 8}]
    assert [(file["name"], file["is_dir"]) for file in caller.client.get(URL).json()["files"]] == [("data", True)]
    read = caller.client.get(f"{URL}/data/prices.csv").json()
    assert (read["success"], read["content"], read["content_type"]) == (True, "a,b\n1,2\n", "text/csv")
    assert (read["encoding"], read["size_bytes"]) == ("utf-8", 8)


def test_a_binary_file_is_read_in_base64(caller: Caller) -> None:
    data = bytes(range(256))
    put(caller, "image.bin", data)
    read = caller.client.get(f"{URL}/image.bin").json()
    assert (base64.b64decode(read["content"]), read["encoding"]) == (data, "base64")


def test_any_content_type_is_taken_as_bytes(caller: Caller) -> None:
    caller.client.put(f"{URL}/a.json", data=b'{"a": 1}', content_type="application/json")
    assert caller.client.get(f"{URL}/a.json").json()["content"] == '{"a": 1}'


def test_a_file_is_deleted(caller: Caller) -> None:
    put(caller, "a.txt", b"x")
    assert caller.client.delete(f"{URL}/a.txt").status_code == 204
    assert caller.client.get(URL).json()["files"] == []
    error_of(caller.client.get(f"{URL}/a.txt"), 404)
    error_of(caller.client.delete(f"{URL}/a.txt"), 404)


@pytest.mark.parametrize("path", ["../../etc/passwd", "a/../../b", "%2Fetc%2Fpasswd", "..%2f..%2fx", "a%00b"])
@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_a_path_out_of_the_workspace_is_refused(caller: Caller, method: str, path: str) -> None:
    put(caller, "a.txt", b"x")
    response = getattr(caller.client, method)(f"{URL}/{path}")
    assert error_of(response, response.status_code)["message"]
    assert response.status_code in (400, 404)


def test_listing_outside_of_the_workspace_is_refused(caller: Caller) -> None:
    put(caller, "a.txt", b"x")
    error_of(caller.client.get(URL, {"path": "../.."}), 400)


def test_a_file_that_is_too_large_is_refused_saying_the_limit(caller: Caller, settings: Settings) -> None:
    settings.SHANNON_UPLOAD_MAX_BYTES = 1000
    error = error_of(put(caller, "big.bin", b"x" * 1001), 413)
    assert (error["code"], error["details"]["max_bytes"]) == ("BODY_TOO_LARGE", 1000)
    assert put(caller, "fits.bin", b"x" * 1000).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("get", ""), ("get", "/a.txt"), ("delete", "/a.txt")])
def test_files_of_another_tenant_are_not_found(caller: Caller, stranger: Caller, method: str, path: str) -> None:
    session = put(stranger, "a.txt", b"theirs").json()["session_id"]
    for name in (session, "chat"):
        error_of(getattr(caller.client, method)(f"/api/v1/sessions/{name}/files{path}"), 404)
    assert stranger.client.get(f"{URL}/a.txt").json()["content"] == "theirs"


def test_nothing_is_written_into_a_session_of_another_tenant(caller: Caller, stranger: Caller) -> None:
    session = put(stranger, "a.txt", b"theirs").json()["session_id"]
    error_of(put(caller, "a.txt", b"ours", url=f"/api/v1/sessions/{session}/files"), 404)
    assert put(caller, "a.txt", b"ours").json()["session_id"] != session
    assert stranger.client.get(f"{URL}/a.txt").json()["content"] == "theirs"


@pytest.mark.parametrize(("method", "path"), [("get", ""), ("get", "/a"), ("put", "/a"), ("delete", "/a")])
def test_every_file_endpoint_wants_a_key_and_its_scope(
    caller_with: Callable[..., Caller], method: str, path: str
) -> None:
    error_of(getattr(Client(), method)(f"{URL}{path}"), 401)
    scope = "sessions:write" if method == "get" else "sessions:read"
    error_of(getattr(caller_with(scope).client, method)(f"{URL}{path}"), 403)


def raw(caller: Caller, path: str, **headers: str) -> Any:
    """Read a file as it is."""
    return caller.client.get(f"{URL}/{path}", {"raw": "true"}, headers=headers)


def body_of(response: Any) -> bytes:
    """Collect a streamed answer."""

    async def collect() -> bytes:
        return b"".join([piece async for piece in response])

    return async_to_sync(collect)()


@pytest.mark.parametrize(
    ("asked", "status", "body", "content_range"),
    [
        ("", 200, b"0123456789", None),
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=0-1,4-5", 200, b"0123456789", None),
        ("bytes=5-2", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
def test_a_file_is_downloaded_by_ranges(
    caller: Caller, asked: str, status: int, body: bytes, content_range: str | None
) -> None:
    put(caller, "a.txt", b"0123456789")
    response = raw(caller, "a.txt", **({"Range": asked} if asked else {}))
    assert (response.status_code, body_of(response), response.get("Content-Range")) == (status, body, content_range)
    assert (response["Content-Length"], response["Accept-Ranges"]) == (str(len(body)), "bytes")


def test_names_are_apart_by_case_and_one_by_unicode_spelling(caller: Caller) -> None:
    put(caller, "A.txt", b"1")
    put(caller, "a.txt", b"2")
    put(caller, "e%CC%81.txt", b"3")  # e and a combining accent
    put(caller, "%C3%A9.txt", b"4")  # the same as one sign
    listed = caller.client.get(URL).json()["files"]
    assert [(file["name"], file["size_bytes"]) for file in listed] == [("A.txt", 1), ("a.txt", 1), ("\u00e9.txt", 1)]
    assert body_of(raw(caller, "e%CC%81.txt")) == b"4"
    assert (body_of(raw(caller, "A.txt")), body_of(raw(caller, "a.txt"))) == (b"1", b"2")


def test_a_large_file_is_sent_in_pieces(caller: Caller) -> None:
    data = bytes(range(256)) * 4_000
    put(caller, "big.bin", data)
    response = raw(caller, "big.bin")

    async def pieces() -> list[bytes]:
        return [piece async for piece in response]

    sent = async_to_sync(pieces)()
    assert b"".join(sent) == data
    assert len(sent) > 3
    assert body_of(raw(caller, "big.bin", Range="bytes=1000000-1000003")) == data[1_000_000:1_000_004]


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=99-100"])
def test_a_range_behind_the_end_is_refused(caller: Caller, asked: str) -> None:
    put(caller, "a.txt", b"0123456789")
    response = raw(caller, "a.txt", Range=asked)
    error = error_of(response, 416)
    assert (error["code"], error["details"]) == ("RANGE_NOT_SATISFIABLE", {"size_bytes": 10})


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.csv", "text/csv"),
        ("a.png", "image/png"),
        ("a.html", "application/octet-stream"),
        ("a.svg", "application/octet-stream"),
        ("a.xml", "application/octet-stream"),
        ("a.js", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ],
)
def test_no_download_is_something_that_a_browser_would_run(caller: Caller, name: str, content_type: str) -> None:
    put(caller, name, b"<script>alert(1)</script>")
    response = raw(caller, name)
    assert response["Content-Type"] == content_type
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    assert "sandbox" in response["Content-Security-Policy"]


def test_a_name_cannot_write_headers(caller: Caller) -> None:
    put(caller, "a%22%3B x=é.txt", b"1")
    disposition = raw(caller, "a%22%3B x=é.txt")["Content-Disposition"]
    assert disposition.startswith("attachment; filename*=utf-8''")


def test_lines_are_found_by_a_plain_text(caller: Caller) -> None:
    put(caller, "src/a.py", b"one\nTwo (a+)+\n")
    put(caller, "b.md", b"two\n")
    put(caller, "c.bin", b"\xff two")
    found = caller.client.get(f"{URL}-search", {"query": "two"}).json()
    assert [(match["path"], match["line"]) for match in found["matches"]] == [("b.md", 1), ("src/a.py", 2)]
    assert (found["files_searched"], found["more"]) == (2, False)
    query = {"query": "(a+)+", "pattern": "src/*", "ignore_case": "false", "limit": "1"}
    assert caller.client.get(f"{URL}-search", query).json()["matches"][0]["text"] == "Two (a+)+"


def test_a_file_is_edited_and_the_answer_says_what_changed(caller: Caller) -> None:
    put(caller, "a.txt", b"one\ntwo\ntwo")
    edit = {"path": "a.txt", "old": "one", "new": "1"}
    diff = caller.client.post(f"{URL}-edit", edit, content_type="application/json").json()["diff"]
    assert "-one\n+1\n" in diff
    twice = caller.client.post(f"{URL}-edit", {**edit, "old": "two"}, content_type="application/json")
    assert error_of(twice, 400)["details"] == {"occurrences": 2}
    gone = caller.client.post(f"{URL}-edit", {**edit, "old": "three"}, content_type="application/json")
    assert error_of(gone, 400)["code"] == "WORKSPACE_EDIT_INVALID"
    every = {**edit, "old": "two", "replace_all": True}
    assert caller.client.post(f"{URL}-edit", every, content_type="application/json").status_code == 200
    assert caller.client.get(f"{URL}/a.txt").json()["content"] == "1\n1\n1"


def test_two_files_are_compared(caller: Caller) -> None:
    put(caller, "a.txt", b"one\n")
    put(caller, "b.txt", b"two\n")
    diff = caller.client.get(f"{URL}-diff", {"path": "a.txt", "other": "b.txt"}).json()["diff"]
    assert diff == "--- a.txt\n+++ b.txt\n@@ -1 +1 @@\n-one\n+two\n"
    assert caller.client.get(f"{URL}-diff", {"path": "a.txt", "other": "a.txt"}).json()["diff"] == ""


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("get", f"{URL}/a.txt?raw=true", None),
        ("get", f"{URL}-search?query=x", None),
        ("get", f"{URL}-diff?path=a.txt&other=a.txt", None),
        ("post", f"{URL}-edit", {"path": "a.txt", "old": "x", "new": "y"}),
    ],
)
def test_no_work_on_files_of_another_tenant(
    caller: Caller, stranger: Caller, method: str, url: str, body: dict[str, str] | None
) -> None:
    put(caller, "a.txt", b"x")
    response = getattr(stranger.client, method)(url, body, **({"content_type": "application/json"} if body else {}))
    assert response.status_code == 404


MEMORY = "/api/v1/memory/files"


def test_memory_files_are_kept_for_the_person_and_no_other_tenant(caller: Caller, stranger: Caller) -> None:
    assert put(caller, "notes/a.md", b"remember", url=MEMORY).json()["size_bytes"] == 8
    assert [file["path"] for file in caller.client.get(MEMORY, {"path": "notes"}).json()["files"]] == ["notes/a.md"]
    assert caller.client.get(f"{MEMORY}/notes/a.md").json()["content"] == "remember"
    assert body_of(caller.client.get(f"{MEMORY}/notes/a.md", {"raw": "true"})) == b"remember"
    assert stranger.client.get(MEMORY).json()["files"] == []
    assert stranger.client.get(f"{MEMORY}/notes/a.md").status_code == 404
    assert caller.client.delete(f"{MEMORY}/notes/a.md").status_code == 204
    assert caller.client.get(f"{MEMORY}/notes/a.md").status_code == 404


@pytest.mark.parametrize("path", ["../x", "a/../../x", "%2e%2e/x", "..%2fx", "a%00b", ".shannon-lock"])
def test_memory_paths_stay_inside(caller: Caller, path: str) -> None:
    assert put(caller, path, b"x", url=MEMORY).status_code in {400, 404}
    assert caller.client.get(f"{MEMORY}/{path}").status_code in {400, 404}
