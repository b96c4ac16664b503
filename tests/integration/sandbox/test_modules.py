"""Modules of tenants in the real sandbox."""

import hashlib
import threading
from uuid import uuid4

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from sandbox import services
from sandbox.errors import ModuleInvalid, ModuleNotFound, ModuleTooLarge
from sandbox.guests import javascript
from sandbox.guests.tenant_module import module_path
from sandbox.selectors import module_for, modules_of
from sandbox.services.execution import cache_dir
from sandbox.types import ExecutionResult, Outcome, SandboxLimits
from tests.wasm_modules import GROW_FOR_EVER, HELLO, LOOP, OUT_OF_BOUNDS, PRINT_FOR_EVER, RECURSE, TRAP, command

pytestmark = pytest.mark.django_db
TENANT = uuid4()
WASI = "wasi_snapshot_preview1"
MEBIBYTE = 1024 * 1024


def upload_and_run(content: bytes, **limits: float) -> ExecutionResult:
    services.module_upload(tenant_id=TENANT, name="it", content=content)
    allowed = SandboxLimits(**{"wall_seconds": 5.0, "memory_bytes": 64 * MEBIBYTE, **limits})  # type: ignore[arg-type]
    return services.module_run(tenant_id=TENANT, name="it", limits=allowed)


def test_a_module_is_kept_with_its_facts_and_runs() -> None:
    module = services.module_upload(
        tenant_id=TENANT, name="hello", content=HELLO, sha256=hashlib.sha256(HELLO).hexdigest(), actor="key:x"
    )
    assert (module.size_bytes, module.imports, module.capabilities) == (len(HELLO), ["fd_write"], [])
    result = services.module_run(tenant_id=TENANT, name="hello")
    assert (result.outcome, result.exit_code, result.stdout) == (Outcome.OK, 0, "hello\n"), result.message
    assert [kept.name for kept in modules_of(tenant_id=TENANT)] == ["hello"]
    services.module_delete(tenant_id=TENANT, name="hello")
    with pytest.raises(ModuleNotFound):
        module_for(tenant_id=TENANT, name="hello")


def test_a_real_interpreter_gets_its_files_and_input() -> None:
    services.module_upload(tenant_id=TENANT, name="qjs", content=javascript.module_bytes())
    # As a module it finds no start program: what it prints is its own error, and its exit code is told.
    result = services.module_run(tenant_id=TENANT, name="qjs", files={"a": b"1"}, stdin=b"x")
    assert (result.outcome, result.exit_code) == (Outcome.FAILED, 1), result


def test_another_tenants_module_is_not_there() -> None:
    services.module_upload(tenant_id=TENANT, name="hello", content=HELLO)
    with pytest.raises(ModuleNotFound):
        services.module_run(tenant_id=uuid4(), name="hello")


def test_a_module_that_somebody_changed_in_the_cache_does_not_run() -> None:
    content = command(b"\x01" * 7)
    module = services.module_upload(tenant_id=TENANT, name="changed", content=content)
    path = module_path(cache_dir(), module.sha256)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(HELLO)
    try:
        with pytest.raises(Exception, match="not what its name says"):
            services.module_run(tenant_id=TENANT, name="changed")
    finally:
        path.unlink()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "../x"}, "name"),
        ({"name": "A"}, "name"),
        ({"sha256": "0" * 64}, "SHA-256"),
        ({"content": b"no"}, "not a WebAssembly"),
        ({"content": command(b"", imports=((WASI, "sock_open"),))}, "no network"),
        ({"capabilities": ["network"]}, "no capability network"),
        ({"content": command(b"", imports=((WASI, "path_open"),)), "capabilities": ["clock"]}, "wants files"),
        ({"content": command(b"", pages=60_000)}, "starts with"),
    ],
)
def test_what_is_not_as_it_must_be_is_refused(change: dict[str, object], reason: str) -> None:
    with pytest.raises(ModuleInvalid, match=reason):
        services.module_upload(**{"tenant_id": TENANT, "name": "it", "content": HELLO, **change})  # type: ignore[arg-type]


def test_there_is_a_limit_of_size_and_number(settings: Settings) -> None:
    settings.SHANNON_SANDBOX_MODULES_MAX = 1
    services.module_upload(tenant_id=TENANT, name="one", content=HELLO)
    services.module_upload(tenant_id=TENANT, name="one", content=TRAP)
    with pytest.raises(ModuleTooLarge):
        services.module_upload(tenant_id=TENANT, name="two", content=HELLO)
    settings.SHANNON_SANDBOX_MODULE_MAX_BYTES = 10
    with pytest.raises(ModuleTooLarge):
        services.module_upload(tenant_id=TENANT, name="one", content=HELLO)


@pytest.mark.django_db(transaction=True)
def test_many_uploads_at_once_do_not_pass_the_limit(settings: Settings) -> None:
    settings.SHANNON_SANDBOX_MODULES_MAX = 3
    tenant_id, barrier = uuid4(), threading.Barrier(8)
    refused: list[ModuleTooLarge] = []

    def upload(name: str) -> None:
        try:
            barrier.wait(60)
            services.module_upload(tenant_id=tenant_id, name=name, content=HELLO)
        except ModuleTooLarge as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=upload, args=[f"module_{number}"]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(modules_of(tenant_id=tenant_id)), len(refused)) == (3, 5)


@pytest.mark.parametrize(
    ("content", "limits", "outcome"),
    [
        (LOOP, {"wall_seconds": 1}, Outcome.TIMEOUT),
        (PRINT_FOR_EVER, {"output_bytes": 1000}, Outcome.OUTPUT_EXCEEDED),
        (TRAP, {}, Outcome.CRASHED),
        (RECURSE, {}, Outcome.CRASHED),
        (OUT_OF_BOUNDS, {}, Outcome.CRASHED),
        (GROW_FOR_EVER, {}, Outcome.OK),  # it is refused at its cap, and ends by itself
        (command(b"\x6a"), {}, Outcome.CRASHED),  # adds what is not there: no valid code
    ],
    ids=["loop", "print", "trap", "recurse", "out of bounds", "grow", "invalid"],
)
def test_a_hostile_module_gets_what_it_must_and_the_next_one_runs(
    content: bytes, limits: dict[str, float], outcome: Outcome
) -> None:
    result = upload_and_run(content, **limits)
    assert result.outcome is outcome, result
    assert upload_and_run(HELLO).stdout == "hello\n"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_modules_end_somehow_and_hurt_nobody(data: st.DataObject) -> None:
    damaged = bytearray(HELLO)
    damaged[data.draw(st.integers(8, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        result = upload_and_run(bytes(damaged), wall_seconds=1)
    except ModuleInvalid:
        return
    assert result.outcome in set(Outcome)
    assert upload_and_run(HELLO).stdout == "hello\n"
