"""WASM modules over HTTP, in the admin, and as a tool."""

import hashlib
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from sandbox.models import WasmModule
from tests.integration.api.callers import Caller, error_of
from tests.wasm_modules import HELLO, command

pytestmark = pytest.mark.django_db
URL = "/api/v1/modules"
WASI = "wasi_snapshot_preview1"


def put(caller: Caller, name: str, content: bytes, **query: str) -> Any:
    return caller.client.put(f"{URL}/{name}", data=content, content_type="application/octet-stream", query_params=query)


def test_a_module_is_uploaded_listed_read_and_deleted(caller: Caller, stranger: Caller) -> None:
    sha256 = hashlib.sha256(HELLO).hexdigest()
    answer = put(caller, "hello", HELLO, sha256=sha256, description="Says hello").json()
    assert (answer["sha256"], answer["size_bytes"], answer["imports"]) == (sha256, len(HELLO), ["fd_write"])
    assert [module["name"] for module in caller.client.get(URL).json()["modules"]] == ["hello"]
    assert caller.client.get(f"{URL}/hello").json()["description"] == "Says hello"
    assert stranger.client.get(URL).json()["modules"] == []
    assert stranger.client.get(f"{URL}/hello").status_code == 404
    assert stranger.client.delete(f"{URL}/hello").status_code == 404
    assert caller.client.delete(f"{URL}/hello").status_code == 204
    assert error_of(caller.client.get(f"{URL}/hello"), 404)["code"] == "MODULE_NOT_FOUND"


def test_a_module_is_refused_with_the_reason(caller: Caller) -> None:
    assert "not a WebAssembly" in error_of(put(caller, "x", b"MZ"), 400)["message"]
    assert "SHA-256" in error_of(put(caller, "x", HELLO, sha256="0" * 64), 400)["message"]
    assert error_of(put(caller, "x", HELLO, colour="red"), 400)["details"]
    reads = command(b"", imports=((WASI, "path_open"),))
    assert "wants files" in error_of(put(caller, "x", reads, capabilities="clock,random"), 400)["message"]
    assert "no capability network" in error_of(put(caller, "x", reads, capabilities="network"), 400)["message"]
    assert WasmModule.objects.count() == 0


def test_the_list_does_not_load_the_modules(caller: Caller, django_assert_max_num_queries: Any) -> None:
    for number in range(5):
        put(caller, f"m{number}", HELLO)
    with django_assert_max_num_queries(4) as captured:
        caller.client.get(URL)
    assert not any('"content"' in query["sql"] for query in captured.captured_queries)


def test_the_admin_uploads_and_refuses(client: Client) -> None:
    get_user_model().objects.create_superuser("root", password="root")
    client.login(username="root", password="root")
    tenant_id = uuid4()

    def add(
        name: str, content: bytes, sha256: str = "", allowed: tuple[str, ...] = ("clock", "files", "random")
    ) -> Any:
        file = SimpleUploadedFile("m.wasm", content)
        values = {"tenant_id": str(tenant_id), "name": name, "description": "", "file": file}
        values |= {"expected_sha256": sha256, "allowed": list(allowed)}
        return client.post("/admin/sandbox/wasmmodule/add/", values)

    refused = add("bad", b"no module")
    assert refused.status_code == 200
    assert b"not a WebAssembly 1.0 module" in refused.content
    assert b"SHA-256" in add("other", HELLO, sha256="0" * 64).content
    assert b"wants files" in add("files", command(b"", imports=((WASI, "path_open"),)), allowed=("clock",)).content
    assert not WasmModule.objects.exists()
    assert add("hello", HELLO, sha256=hashlib.sha256(HELLO).hexdigest(), allowed=()).status_code == 302
    module = WasmModule.objects.get(tenant_id=tenant_id)
    assert (module.name, module.size_bytes, bytes(module.content)) == ("hello", len(HELLO), HELLO)
    assert client.get("/admin/sandbox/wasmmodule/").status_code == 200
    assert client.get(f"/admin/sandbox/wasmmodule/{module.id}/change/").status_code == 200
