"""Files of a session's workspace."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from tests.integration.api.callers import Caller, error_of

pytestmark = pytest.mark.django_db
URL = "/api/v1/sessions/chat/files"
BYTES = "application/octet-stream"


@pytest.fixture(autouse=True)
def _workspaces(settings: Settings, tmp_path: Path) -> None:
    settings.SHANNON_WORKSPACE_DIR = tmp_path


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
