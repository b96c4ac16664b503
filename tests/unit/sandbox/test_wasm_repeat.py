"""Which modules can get a function that runs until it has nothing left to do; what it does: `test_javascript`."""

import pytest

from sandbox.runtimes.wasm_module import WasmModuleInvalid, sections
from sandbox.runtimes.wasm_repeat import repeated_while_positive

PREAMBLE = b"\0asm\1\0\0\0"
RETURNS_ZERO = b"\0\x41\0\x0b"


def section(section_id: int, body: bytes) -> bytes:
    return bytes([section_id, len(body)]) + body


def names(*of_functions: tuple[int, bytes]) -> bytes:
    entries = b"".join(bytes([index, len(name)]) + name for index, name in of_functions)
    functions = bytes([len(of_functions)]) + entries
    return section(0, b"\4name" + b"\0\2\1m" + bytes([1, len(functions)]) + functions)


def module(*tail: bytes) -> bytes:
    """Return a module with one imported function and two of its own, of which the second is to be changed."""
    types = section(1, b"\1\x60\2\x7f\x7f\1\x7f")
    codes = b"".join(bytes([len(code)]) + code for code in (RETURNS_ZERO, b"\0\x41\7\x0b"))
    parts = [types, section(2, b"\1\1m\1f\0\0"), section(3, b"\2\0\0"), section(10, b"\2" + codes), *tail]
    return PREAMBLE + b"".join(parts)


def test_the_function_becomes_a_loop_around_what_it_was() -> None:
    changed = repeated_while_positive(module(names((0, b"f"), (1, b"first"), (2, b"step"))), function="step")
    bodies = dict(sections(memoryview(changed)))
    assert bytes(bodies[3]) == b"\3\0\0\0"
    loop = b"\1\1\x7f\3\x40\x20\0\x20\1\x10\3\x22\2\x41\0\x4a\x0d\0\x0b\x20\2\x0b"
    codes = (RETURNS_ZERO, loop, b"\0\x41\7\x0b")
    assert bytes(bodies[10]) == b"\3" + b"".join(bytes([len(code)]) + code for code in codes)


@pytest.mark.parametrize(
    ("bytes_", "why"),
    [
        (b"no module", "not a WebAssembly"),
        (PREAMBLE, "not a module with step"),
        (module(), "no section of names"),
        (module(section(0, b"\4name")), "no function step"),
        (module(names((1, b"first"))), "no function step"),
        (module(names((0, b"step"))), "step is imported"),
        (module(names((9, b"step"))), "not a module with step"),
    ],
)
def test_a_module_without_it_is_refused(bytes_: bytes, why: str) -> None:
    with pytest.raises(WasmModuleInvalid, match=why):
        repeated_while_positive(bytes_, function="step")
