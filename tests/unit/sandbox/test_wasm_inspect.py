"""What an uploaded module is, before anything runs it."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sandbox.guests import javascript, python
from sandbox.runtimes.wasm_inspect import module_inspect
from sandbox.runtimes.wasm_module import WasmModuleInvalid, memory_capped
from tests.wasm_modules import HELLO, TRAP, command

WASI = "wasi_snapshot_preview1"


def test_a_command_tells_what_it_imports_and_what_that_takes() -> None:
    module = command(b"", imports=((WASI, "fd_write"), (WASI, "path_open"), (WASI, "random_get")), pages=3)
    facts = module_inspect(module)
    assert facts.imports == ("fd_write", "path_open", "random_get")
    assert facts.capabilities == {"files", "random"}
    assert facts.memory_bytes == 3 * 65_536


def test_what_uses_a_socket_that_nobody_is_given_may_be_imported() -> None:
    names = ("sock_accept", "sock_recv", "sock_send", "sock_shutdown")
    facts = module_inspect(command(b"", imports=tuple((WASI, name) for name in names)))
    assert (facts.imports, facts.capabilities) == (names, frozenset())


def test_the_interpreters_that_we_ship_would_pass() -> None:
    assert module_inspect(javascript.module_bytes()).capabilities == {"clock", "files"}
    facts = module_inspect(python.module_bytes())  # with the sockets that its library would use if it were given any
    assert facts.capabilities == {"clock", "files", "random"}
    assert "sock_accept" in facts.imports


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (b"", "not a WebAssembly 1.0 module"),
        (b"(module)", "not a WebAssembly 1.0 module"),
        (b"\0asm\x0d\0\1\0", "not a WebAssembly 1.0 module"),  # a component
        (b"\0asm\1\0\0\0", "no memory"),
        (HELLO[:-3], "behind the module's end"),
        (HELLO + b"\x0d\0", "no known kind"),
        (HELLO + b"\x05\x03\x01\0\1", "there twice"),
        (command(b"", imports=(("env", "system"),)), "there is only wasi_snapshot_preview1"),
        (command(b"", imports=(("wasi_snapshot_preview2", "fd_write"),)), "there is only"),
        (command(b"", imports=(("wasi", "thread-spawn"),)), "there is only"),
        (command(b"", imports=((WASI, "sock_open"),)), "no network"),
        (command(b"", imports=((WASI, "proc_exec"),)), "does not have"),
        (command(b"", start="main"), "a library and not a command"),
        (command(b"", memory=False), "does not export its memory"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_the_reason(module: bytes, reason: str) -> None:
    with pytest.raises(WasmModuleInvalid, match=reason):
        module_inspect(module)


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=200))
@example(b"\0asm\1\0\0\0\2\5\xff\xff\xff\xff\x0f")  # an import section of 4 billion entries
@example(b"\0asm\1\0\0\0\7\5\xff\xff\xff\xff\x0f")
@example(b"\0asm\1\0\0\0\2\3\1\xff\x7f")
def test_broken_bytes_are_refused_and_never_more_than_that(tail: bytes) -> None:
    for module in (tail, b"\0asm\1\0\0\0" + tail):
        try:
            module_inspect(module)
            memory_capped(module, max_pages=16)
        except WasmModuleInvalid:
            continue


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([HELLO, TRAP]), st.data())
def test_a_damaged_module_is_refused_or_still_a_module(module: bytes, data: st.DataObject) -> None:
    damaged = bytearray(module)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(8, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        facts = module_inspect(bytes(damaged))
    except WasmModuleInvalid:
        return
    assert not facts.capabilities
